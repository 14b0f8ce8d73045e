#pragma once

#include "rules/adam.hpp"
#include "rules/momentum.hpp"
#include "rules/nesterov.hpp"
#include "rules/sgd.hpp"

using Rules = TypeList<Sgd, Momentum, Nesterov, Adam>;
