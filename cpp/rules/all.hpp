#pragma once

#include "rules/power.hpp"

#include "rules/adadelta.hpp"
#include "rules/adagrad.hpp"
#include "rules/adam.hpp"
#include "rules/adamax.hpp"
#include "rules/amsgrad.hpp"
#include "rules/asgd.hpp"
#include "rules/damped_momentum.hpp"
#include "rules/dowg.hpp"
#include "rules/ftrl.hpp"
#include "rules/lion.hpp"
#include "rules/momentum.hpp"
#include "rules/nadam.hpp"
#include "rules/nesterov.hpp"
#include "rules/prodigy.hpp"
#include "rules/radam.hpp"
#include "rules/rmsprop.hpp"
#include "rules/rprop.hpp"
#include "rules/schedule_free_sgd.hpp"
// Builds on the one above.
#include "rules/schedule_free_adam.hpp"
#include "rules/sgd.hpp"

using Rules = TypeList<Sgd, Momentum, DampedMomentum, Nesterov, Adam, AmsGrad, NAdam, RAdam, Adamax,
                       Adagrad, Adadelta, RmsProp, RmsPropMomentum, CenteredRmsProp,
                       CenteredRmsPropMomentum, Asgd, Rprop, Lion, Ftrl>;

// Those that a step over anybody's arrays can take alone: they remember numbers, or sum up first.
using ArrayRules = TypeList<ScheduleFreeSgd, ScheduleFreeAdam, Prodigy, Dowg>;
