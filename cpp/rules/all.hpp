#pragma once

#include "rules/power.hpp"

#include "rules/adadelta.hpp"
#include "rules/adagrad.hpp"
#include "rules/adam.hpp"
#include "rules/adamax.hpp"
#include "rules/amsgrad.hpp"
#include "rules/asgd.hpp"
#include "rules/damped_momentum.hpp"
#include "rules/ftrl.hpp"
#include "rules/lion.hpp"
#include "rules/momentum.hpp"
#include "rules/nadam.hpp"
#include "rules/nesterov.hpp"
#include "rules/radam.hpp"
#include "rules/rmsprop.hpp"
#include "rules/rprop.hpp"
#include "rules/sgd.hpp"

using Rules = TypeList<Sgd, Momentum, DampedMomentum, Nesterov, Adam, AmsGrad, NAdam, RAdam, Adamax,
                       Adagrad, Adadelta, RmsProp, RmsPropMomentum, CenteredRmsProp,
                       CenteredRmsPropMomentum, Asgd, Rprop, Lion, Ftrl>;
