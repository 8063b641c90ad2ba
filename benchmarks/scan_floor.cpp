// The selective scan as plain loops for the benchmark: the same work, precision aside, as the project's kernels.
// Softplus, skip and gate included; the forward keeps the states before every 32nd step, the backward recomputes.
// g++ -O3 -march=native -ffast-math turns the loops over 32 channels into vectors and expf, logf into libmvec's.
#include <cmath>
#include <cstring>

namespace {
const long N = 16, W = 32, STRETCH = 32;

inline float softplus(float x) { return fmaxf(x, 0.0f) + logf(1.0f + expf(-fabsf(x))); }
inline float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

struct Block {
  float at[N][W], skip[W], bias[W];
  Block(const float* a, const float* d, const float* of, long first) {
    for (long j = 0; j < W; ++j) skip[j] = d[first + j], bias[j] = of[first + j];
    for (long n = 0; n < N; ++n) for (long j = 0; j < W; ++j) at[n][j] = a[(first + j) * N + n];
  }
};
}  // namespace

extern "C" void scan_forward(long rows, long length, long channels, const float* u, const float* delta,
                             const float* a, const float* b, const float* c, const float* d, const float* z,
                             const float* bias, float* y, float* last, float* kept) {
  for (long row = 0; row < rows; ++row)
    for (long first = 0; first < channels; first += W) {
      const Block block(a, d, bias, first);
      float h[N][W] = {};
      for (long t = 0; t < length; ++t) {
        const long place = (row * length + t) * channels + first, state = (row * length + t) * N;
        if (kept && t % STRETCH == 0) { memcpy(kept, h, sizeof h); kept += N * W; }
        float out[W], x[W], step[W];
        for (long j = 0; j < W; ++j) {
          step[j] = softplus(delta[place + j] + block.bias[j]);
          x[j] = u[place + j] * step[j];
          out[j] = u[place + j] * block.skip[j];
        }
        for (long n = 0; n < N; ++n)
          for (long j = 0; j < W; ++j) {
            h[n][j] = expf(step[j] * block.at[n][j]) * h[n][j] + x[j] * b[state + n];
            out[j] += h[n][j] * c[state + n];
          }
        for (long j = 0; j < W; ++j) y[place + j] = out[j] * z[place + j] * sigmoid(z[place + j]);
      }
      for (long n = 0; n < N; ++n) for (long j = 0; j < W; ++j) last[(row * channels + first + j) * N + n] = h[n][j];
    }
}

extern "C" void scan_backward(long rows, long length, long channels, const float* u, const float* delta,
                              const float* a, const float* b, const float* c, const float* d, const float* z,
                              const float* bias, const float* kept, const float* g_y, float* g_u, float* g_delta,
                              float* g_a, float* g_b, float* g_c, float* g_d, float* g_z, float* g_bias) {
  const long stretches = (length + STRETCH - 1) / STRETCH;
  static thread_local float h[STRETCH + 1][N][W], decay[STRETCH][N][W], raw[STRETCH][W], step[STRETCH][W], x[STRETCH][W];
  for (long row = 0; row < rows; ++row)
    for (long first = 0; first < channels; first += W, kept += stretches * N * W) {
      const Block block(a, d, bias, first);
      float g_h[N][W] = {}, sum_a[N][W] = {}, sum_d[W] = {}, sum_bias[W] = {};
      for (long stretch = stretches - 1; stretch >= 0; --stretch) {
        const long start = stretch * STRETCH, count = length - start < STRETCH ? length - start : STRETCH;
        memcpy(h[0], kept + stretch * N * W, sizeof h[0]);
        for (long s = 0; s < count; ++s) {
          const long place = (row * length + start + s) * channels + first, state = (row * length + start + s) * N;
          for (long j = 0; j < W; ++j) {
            raw[s][j] = delta[place + j] + block.bias[j];
            step[s][j] = softplus(raw[s][j]);
            x[s][j] = u[place + j] * step[s][j];
          }
          for (long n = 0; n < N; ++n)
            for (long j = 0; j < W; ++j) {
              decay[s][n][j] = expf(step[s][j] * block.at[n][j]);
              h[s + 1][n][j] = decay[s][n][j] * h[s][n][j] + x[s][j] * b[state + n];
            }
        }
        for (long s = count - 1; s >= 0; --s) {
          const long place = (row * length + start + s) * channels + first, state = (row * length + start + s) * N;
          float out[W], g_out[W], g_x[W] = {}, g_step[W] = {};
          for (long j = 0; j < W; ++j) out[j] = u[place + j] * block.skip[j];
          for (long n = 0; n < N; ++n) for (long j = 0; j < W; ++j) out[j] += h[s + 1][n][j] * c[state + n];
          for (long j = 0; j < W; ++j) {
            const float gate = z[place + j], chance = sigmoid(gate);
            g_z[place + j] = g_y[place + j] * out[j] * chance * (1.0f + gate * (1.0f - chance));
            g_out[j] = g_y[place + j] * gate * chance;
          }
          for (long n = 0; n < N; ++n) {
            const float b_n = b[state + n], c_n = c[state + n];
            float sum_b = 0.0f, sum_c = 0.0f;
            for (long j = 0; j < W; ++j) {
              const float g = g_h[n][j] + g_out[j] * c_n, before = g * decay[s][n][j], g_decay = before * h[s][n][j];
              sum_c += g_out[j] * h[s + 1][n][j];
              sum_b += g * x[s][j];
              g_x[j] += g * b_n;
              g_step[j] += g_decay * block.at[n][j];
              sum_a[n][j] += g_decay * step[s][j];
              g_h[n][j] = before;
            }
            g_b[state + n] += sum_b;
            g_c[state + n] += sum_c;
          }
          for (long j = 0; j < W; ++j) {
            const float of_step = g_step[j] + g_x[j] * u[place + j];
            g_u[place + j] = g_x[j] * step[s][j] + g_out[j] * block.skip[j];
            sum_d[j] += g_out[j] * u[place + j];
            g_delta[place + j] = of_step * sigmoid(raw[s][j]);
            sum_bias[j] += g_delta[place + j];
          }
        }
      }
      for (long j = 0; j < W; ++j) {
        g_d[first + j] += sum_d[j];
        g_bias[first + j] += sum_bias[j];
        for (long n = 0; n < N; ++n) g_a[(first + j) * N + n] += sum_a[n][j];
      }
    }
}
