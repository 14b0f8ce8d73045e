// Rows of any source as T, row-major: conversion, strides and shift. The layouts are told apart
// once per call; none changes the numbers.
#pragma once

template <class U> FALLLINE_INLINE const U* element(const unsigned char* from) {
  return reinterpret_cast<const U*>(from);  // loaded at any address, never dereferenced
}

template <class T> FALLLINE_INLINE vec<T> shifted(vec<T> x, const T* shift, std::ptrdiff_t left) {
  return shift ? x - load_up_to(shift, left) : x;
}

FALLLINE_INLINE void prefetch_row(const unsigned char* row, std::ptrdiff_t bytes) {
  for (std::ptrdiff_t i = 0; i < bytes; i += 64) prefetch(row + i);
}

// Columns next to each other: row by row. The next window is brought into the cache while the
// kernels are busy with this one.
template <class T, class U>
void unpack_rows(const MatrixView<T>& X, const Rows& rows, T* out, std::ptrdiff_t stride) {
  constexpr std::ptrdiff_t size = vec<T>::size;
  const Elements<T>& elements = X.elements;
  const T* shift = elements.shift;
  const std::ptrdiff_t row_bytes = X.columns * static_cast<std::ptrdiff_t>(sizeof(U));
  const std::ptrdiff_t ahead = rows_in_bytes_ahead(row_bytes);
  for (std::ptrdiff_t k = rows.begin; k < rows.end; ++k, out += stride) {
    const std::ptrdiff_t row = rows.order ? rows.order[k] : k;
    const unsigned char* bytes = elements.data + row * elements.row_stride;
    const std::ptrdiff_t later =
        rows.order ? row_ahead(rows, k + ahead) : row + rows.end - rows.begin;
    prefetch_row(elements.data + later * elements.row_stride, row_bytes);
    const U* from = element<U>(bytes);
    std::ptrdiff_t i = 0;
    if (shift) {
      for (; i + size <= X.columns; i += size) {
        store(out + i, load_as<T>(from + i) - load(shift + i));
      }
    } else {
      for (; i + size <= X.columns; i += size) store(out + i, load_as<T>(from + i));
    }
    if (i < X.columns) {
      const std::ptrdiff_t left = X.columns - i;
      store(out + i, shifted(load_as<T>(from + i, left), shift ? shift + i : nullptr, left));
    }
  }
}

// Rows next to each other, as in a column-major matrix: squares of columns, transposed in
// registers. What is as many rows ahead is brought into the cache: columns are too many streams,
// and read for too short a while, for the processor to see where they lead.
template <class T, class U>
void unpack_columns(const MatrixView<T>& X, const Rows& rows, T* out, std::ptrdiff_t stride) {
  constexpr std::ptrdiff_t size = vec<T>::size;
  const Elements<T>& elements = X.elements;
  const std::ptrdiff_t ahead = (rows.end - rows.begin) * static_cast<std::ptrdiff_t>(sizeof(U));
  for (std::ptrdiff_t i = 0; i < X.columns; i += size) {
    const std::ptrdiff_t width = X.columns - i < size ? X.columns - i : size;
    for (std::ptrdiff_t k = rows.begin; k < rows.end; k += size) {
      const std::ptrdiff_t height = rows.end - k < size ? rows.end - k : size;
      const unsigned char* corner =
          elements.data + i * elements.column_stride + k * static_cast<std::ptrdiff_t>(sizeof(U));
      vec<T> x[size];
      for (std::ptrdiff_t j = 0; j < width; ++j) {
        const unsigned char* column = corner + j * elements.column_stride;
        prefetch(column + ahead);
        x[j] = load_as<T>(element<U>(column), height);
        if (elements.shift) x[j] = x[j] - set(elements.shift[i + j]);
      }
      for (std::ptrdiff_t j = width; j < size; ++j) x[j] = set(T(0));
      transpose(x);
      T* to = out + (k - rows.begin) * stride + i;
      for (std::ptrdiff_t j = 0; j < height; ++j) store(to + j * stride, x[j]);
    }
  }
}

// The elements of a row, one by one.
template <class T, class U> FALLLINE_INLINE void unpack_row(const unsigned char* from,
                                                            std::ptrdiff_t column_stride,
                                                            std::ptrdiff_t n, T* out) {
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    U x;
    __builtin_memcpy(&x, from + i * column_stride, sizeof x);
    out[i] = as<T>(x);
  }
}

// Any strides and any order.
template <class T, class U>
void unpack_elements(const MatrixView<T>& X, const Rows& rows, T* out, std::ptrdiff_t stride) {
  const Elements<T>& elements = X.elements;
  const std::ptrdiff_t span = X.columns * elements.column_stride;
  for (std::ptrdiff_t k = rows.begin; k < rows.end; ++k, out += stride) {
    if (!rows.order && span > 0 && span <= elements.row_stride) {
      prefetch_row(elements.data + (k + rows.end - rows.begin) * elements.row_stride, span);
    }
    const std::ptrdiff_t row = rows.order ? rows.order[k] : k;
    unpack_row<T, U>(elements.data + row * elements.row_stride, elements.column_stride, X.columns,
                     out);
    for (std::ptrdiff_t i = X.columns; i < stride; ++i) out[i] = T(0);
    if (!elements.shift) continue;
    for (std::ptrdiff_t i = 0; i < X.columns; ++i) out[i] = out[i] - elements.shift[i];
  }
}

template <class T, class U>
void unpack(const MatrixView<T>& X, const Rows& rows, T* out, std::ptrdiff_t stride) {
  constexpr auto item = static_cast<std::ptrdiff_t>(sizeof(U));
  if (X.elements.column_stride == item) {
    unpack_rows<T, U>(X, rows, out, stride);
  } else if (X.elements.row_stride == item && !rows.order) {
    unpack_columns<T, U>(X, rows, out, stride);
  } else {
    unpack_elements<T, U>(X, rows, out, stride);
  }
}
