#pragma once

#include "losses/epsilon_insensitive.hpp"
#include "losses/gamma.hpp"
#include "losses/hinge.hpp"
#include "losses/huber.hpp"
#include "losses/logistic.hpp"
#include "losses/modified_huber.hpp"
#include "losses/perceptron.hpp"
#include "losses/poisson.hpp"
#include "losses/quantile.hpp"
#include "losses/softmax.hpp"
#include "losses/squared.hpp"
#include "losses/squared_epsilon_insensitive.hpp"
#include "losses/squared_hinge.hpp"
#include "losses/tweedie.hpp"

using Losses =
    TypeList<Squared, Logistic, Hinge, SquaredHinge, Perceptron, ModifiedHuber, Huber,
             EpsilonInsensitive, SquaredEpsilonInsensitive, Quantile, Poisson, Gamma, Tweedie>;
using CoupledLosses = TypeList<Softmax>;
