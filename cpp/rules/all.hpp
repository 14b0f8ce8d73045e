#pragma once

#include "rules/adagrad.hpp"
#include "rules/adam.hpp"
#include "rules/ftrl.hpp"
#include "rules/momentum.hpp"
#include "rules/nesterov.hpp"
#include "rules/sgd.hpp"

using Rules = TypeList<Sgd, Momentum, Nesterov, Adam, Adagrad, Ftrl>;
