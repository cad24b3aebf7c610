//// matrix
/* Weights of [rows, columns], row by row; where they are whole numbers, each row has a scale. */
typedef struct {
    const weight *w;
    const float *scales; /* none: 0 */
    int rows, columns;
} matrix;

//// dot
static float dot(const float *x, const weight *w, int n) {
    float sum = 0;
    int i;
    for (i = 0; i < n; i++) {
        sum += x[i] * (float)w[i];
    }
    return sum;
}

//// row: matrix, dot
/* The product of x with a row. */
static float times_row(const float *x, const matrix *m, int row) {
    float sum = dot(x, m->w + (size_t)row * (size_t)m->columns, m->columns);
    return m->scales ? sum * m->scales[row] : sum;
}

//// embedded dot: matrix
/* The product of a token's embedding with a part of a row of weights, which has a scale of its own yet. */
static float embedded(int32_t id, const weight *w) {
    const weight *e = embeddings.w + (size_t)id * EMBEDDING;
    product sum = 0;
    int i;
    for (i = 0; i < EMBEDDING; i++) {
        sum += (product)e[i] * (product)w[i];
    }
    return embeddings.scales ? (float)sum * embeddings.scales[id] : (float)sum;
}

//// embedded row: embedded dot
/* The product of a token's embedding with a row. */
static float embedded_row(int32_t id, const matrix *m, int row) {
    float sum = embedded(id, m->w + (size_t)row * EMBEDDING);
    return m->scales ? sum * m->scales[row] : sum;
}

//// linear: row
static void linear(float *y, const float *x, const matrix *m, const float *bias) {
    int i;
    for (i = 0; i < m->rows; i++) {
        y[i] = times_row(x, m, i) + bias[i];
    }
}

//// activate
static void activate(float *x, int n) {
    int i;
    for (i = 0; i < n; i++) {
        x[i] = ACTIVATION(x[i]);
    }
}

//// exp
/* e to the power of x, with the same bits wherever floats are those of IEEE 754. */
static float exponential(float x) {
    union {
        uint32_t bits;
        float f;
    } power;
    float r, sum;
    int n;
    if (x > 88.0f) {
        x = 88.0f;
    }
    if (x < -87.0f) {
        x = -87.0f;
    }
    n = (int)(x * 1.44269504f + (x < 0 ? -0.5f : 0.5f));
    r = (x - (float)n * 0.693359375f) + (float)n * 2.12194440e-4f; /* x less n times the logarithm of 2, in two parts */
    sum = 1.0f / 5040.0f;
    sum = sum * r + 1.0f / 720.0f;
    sum = sum * r + 1.0f / 120.0f;
    sum = sum * r + 1.0f / 24.0f;
    sum = sum * r + 1.0f / 6.0f;
    sum = sum * r + 0.5f;
    sum = sum * r + 1.0f;
    sum = sum * r + 1.0f;
    power.bits = (uint32_t)(n + 127) << 23;
    return sum * power.f;
}

//// sigmoid: exp
static float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }

//// tanh: exp
static float hyperbolic(float x) { return 1.0f - 2.0f / (exponential(2.0f * x) + 1.0f); }

//// relu
static float relu(float x) { return x > 0 ? x : 0; }

//// gelu
static float gelu(float x) { return 0.5f * x * (1.0f + erff(x * 0.70710678f)); }

//// silu: sigmoid
static float silu(float x) { return x * sigmoid(x); }

//// pool
/* Takes row number i of the n of a text into what is made of them all. */
static void pool(float *y, const float *row, int columns, int i, int n) {
    int c;
    for (c = 0; c < columns; c++) {
        POOL;
    }
    (void)i;
    (void)n;
}

//// pool ends
/* Divides a sum of n rows by what the mean divides it by. */
static void pool_ends(float *y, int columns, int n) {
    float share = n > 0 ? SHARE : 0;
    int c;
    for (c = 0; c < columns; c++) {
        y[c] = y[c] * share;
    }
}

//// mean of embeddings: matrix
static void mean_of_embeddings(float *y, const int32_t *tokens, int n) {
    int i, c;
    for (c = 0; c < EMBEDDING; c++) {
        y[c] = 0;
    }
    for (i = 0; i < n; i++) {
        const weight *e = embeddings.w + (size_t)tokens[i] * EMBEDDING;
        float scale = embeddings.scales ? embeddings.scales[tokens[i]] : 1.0f;
        for (c = 0; c < EMBEDDING; c++) {
            y[c] += (float)e[c] * scale;
        }
    }
    for (c = 0; c < EMBEDDING; c++) {
        y[c] = n > 0 ? y[c] / (float)n : 0;
    }
}

//// unit
static void unit(float *x, int n) {
    float sum = 0;
    int i;
    for (i = 0; i < n; i++) {
        sum += x[i] * x[i];
    }
    sum = sqrtf(sum);
    for (i = 0; i < n; i++) {
        x[i] = sum > 1e-12f ? x[i] / sum : x[i];
    }
}

//// convolutions: embedded dot
typedef struct {
    matrix w; /* [filters, width * EMBEDDING] */
    const float *bias;
    int width;
} convolution;

/* The highest that each filter makes of a stretch of the text. */
static void convolve(float *y, const convolution *c, const int32_t *tokens, int n) {
    int f, at, i, last = n > c->width ? n - c->width : 0;
    for (f = 0; f < c->w.rows; f++) {
        const weight *w = c->w.w + (size_t)f * (size_t)c->w.columns;
        for (at = 0; at <= last; at++) {
            float sum = 0;
            for (i = 0; i < c->width && at + i < n; i++) {
                sum += embedded(tokens[at + i], w + i * EMBEDDING);
            }
            if (c->w.scales) {
                sum *= c->w.scales[f];
            }
            sum = ACTIVATION(sum + c->bias[f]);
            if (at == 0 || sum > y[f]) {
                y[f] = sum;
            }
        }
    }
}

//// separable: matrix
typedef struct {
    const weight *depth; /* [width, HIDDEN] */
    const float *depth_scales, *depth_bias; /* [HIDDEN] */
    matrix point;
    const float *point_bias;
    int width;
    float *window; /* the last width rows that came, [width, HIDDEN] */
} separable;

//// separable layers: row
static float rows[LAYERS + 1][HIDDEN]; /* the row that each layer is given */
static float mixed[HIDDEN];

static void give(int layer, int at, int n, float *pooled);

/* Makes row number at of a layer, whose window has all rows around it, and gives it to the next. */
static void make_row(int layer, int at, int n, float *pooled) {
    const separable *l = &layers[layer];
    const float *row = l->window + (size_t)(at % l->width) * HIDDEN;
    float *y = rows[layer + 1];
    int i, c, first = at - (l->width - 1) / 2;
    for (c = 0; c < HIDDEN; c++) {
        float sum = 0;
        for (i = 0; i < l->width; i++) {
            if (first + i >= 0 && first + i < n) {
                sum += l->window[(size_t)((first + i) % l->width) * HIDDEN + (size_t)c] * (float)l->depth[i * HIDDEN + c];
            }
        }
        mixed[c] = (l->depth_scales ? sum * l->depth_scales[c] : sum) + l->depth_bias[c];
    }
    for (c = 0; c < HIDDEN; c++) {
        y[c] = ACTIVATION(times_row(mixed, &l->point, c) + l->point_bias[c]) + row[c];
    }
    give(layer + 1, at, n, pooled);
}

/* Gives row number at of n to a layer; behind the last layer rows are pooled. */
static void give(int layer, int at, int n, float *pooled) {
    int c, ahead;
    if (layer == LAYERS) {
        pool(pooled, rows[LAYERS], HIDDEN, at, n);
        return;
    }
    for (c = 0; c < HIDDEN; c++) {
        layers[layer].window[(size_t)(at % layers[layer].width) * HIDDEN + (size_t)c] = rows[layer][c];
    }
    ahead = layers[layer].width / 2; /* rows that a row waits for */
    if (at >= ahead) {
        make_row(layer, at - ahead, n, pooled);
    }
    if (at == n - 1) { /* no more will come */
        for (c = at >= ahead ? n - ahead : 0; c < n; c++) {
            make_row(layer, c, n, pooled);
        }
    }
}

//// recurrent: row
typedef struct {
    matrix in, state; /* [GATES * HIDDEN, columns] */
    const float *in_bias, *state_bias;
    int backwards;
} recurrent;

static float in_gates[GATES * HIDDEN], state_gates[GATES * HIDDEN], state[HIDDEN];

//// cells
static float cell[HIDDEN];

//// gru: sigmoid, tanh
/* One step (Cho et al. 2014; gates r, z, n, the reset after the product). */
static void step(void) {
    int i;
    for (i = 0; i < HIDDEN; i++) {
        float r = sigmoid(in_gates[i] + state_gates[i]);
        float z = sigmoid(in_gates[HIDDEN + i] + state_gates[HIDDEN + i]);
        float n = hyperbolic(in_gates[2 * HIDDEN + i] + r * state_gates[2 * HIDDEN + i]);
        state[i] = n + z * (state[i] - n);
    }
}

//// lstm: sigmoid, tanh, cells
/* One step (Hochreiter & Schmidhuber 1997, with forget gates; gates i, f, g, o). */
static void step(void) {
    int i;
    for (i = 0; i < HIDDEN; i++) {
        float in = sigmoid(in_gates[i] + state_gates[i]);
        float forget = sigmoid(in_gates[HIDDEN + i] + state_gates[HIDDEN + i]);
        float g = hyperbolic(in_gates[2 * HIDDEN + i] + state_gates[2 * HIDDEN + i]);
        float out = sigmoid(in_gates[3 * HIDDEN + i] + state_gates[3 * HIDDEN + i]);
        cell[i] = forget * cell[i] + in * g;
        state[i] = out * hyperbolic(cell[i]);
    }
}

//// rnn: tanh
/* One step (Elman 1990). */
static void step(void) {
    int i;
    for (i = 0; i < HIDDEN; i++) {
        state[i] = hyperbolic(in_gates[i] + state_gates[i]);
    }
}

//// recurrent run
/* Runs one direction of a layer over a text: of tokens, where x is 0, or of rows. The states go to y, whose rows have
   width numbers, from column on, or to pooled where y is 0. */
static void run_direction(const recurrent *l, const int32_t *tokens, const float *x, int n, float *y, float *pooled, int width, int column) {
    int i, g;
    for (i = 0; i < HIDDEN; i++) {
        state[i] = 0;
        CLEAR_CELL;
    }
    for (i = 0; i < n; i++) {
        int at = l->backwards ? n - 1 - i : i;
        for (g = 0; g < GATES * HIDDEN; g++) {
            in_gates[g] = (x ? times_row(x + (size_t)at * (size_t)width, &l->in, g) : embedded_row(tokens[at], &l->in, g)) + l->in_bias[g];
            state_gates[g] = times_row(state, &l->state, g) + l->state_bias[g];
        }
        step();
        if (y) {
            for (g = 0; g < HIDDEN; g++) {
                y[(size_t)at * (size_t)width + (size_t)(column + g)] = state[g];
            }
        } else {
            pool(pooled + column, state, HIDDEN, STATE_PLACE, n);
        }
    }
}

//// softmax: exp
static void softmax(float *x, int n) {
    float most = x[0], sum = 0;
    int i;
    for (i = 1; i < n; i++) {
        if (x[i] > most) {
            most = x[i];
        }
    }
    for (i = 0; i < n; i++) {
        x[i] = exponential(x[i] - most);
        sum += x[i];
    }
    for (i = 0; i < n; i++) {
        x[i] /= sum;
    }
}

//// best
static int highest(const float *x, int n) {
    int i, best = 0;
    for (i = 1; i < n; i++) {
        if (x[i] > x[best]) {
            best = i;
        }
    }
    return best;
}
