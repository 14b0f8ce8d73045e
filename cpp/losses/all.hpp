#pragma once

#include "losses/hinge.hpp"
#include "losses/logistic.hpp"
#include "losses/squared.hpp"

using Losses = TypeList<Squared, Logistic, Hinge>;
