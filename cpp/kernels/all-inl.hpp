// Everything a target compiles for itself, in the order in which it builds on itself.
#pragma once

#include "simd/simd.hpp"
#include "simd/math-inl.hpp"
#include "losses/all.hpp"
#include "penalties/elastic_net.hpp"
#include "rules/all.hpp"
#include "kernels/block-inl.hpp"
#include "kernels/rows-inl.hpp"
#include "kernels/short_rows-inl.hpp"
#include "kernels/tile-inl.hpp"
#include "kernels/csr-inl.hpp"
#include "kernels/elementwise-inl.hpp"
#include "kernels/csr_descent-inl.hpp"
#include "kernels/lanes-inl.hpp"
#include "kernels/head_losses-inl.hpp"
#include "kernels/step-inl.hpp"
#include "kernels/table-inl.hpp"
