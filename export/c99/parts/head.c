//// length
static size_t length(const char *s) {
    size_t n = 0;
    while (s[n] != 0) {
        n++;
    }
    return n;
}

//// class: softmax, best
/* Makes probabilities of scores, and returns the most probable label. */
static int decide(float *x) {
    int i;
    for (i = 0; i < OUTPUTS; i++) {
        x[i] = x[i] * SHARPNESS;
    }
    softmax(x, OUTPUTS);
    return highest(x, OUTPUTS);
}

//// multilabel: sigmoid
/* Makes probabilities of scores, and returns how many labels hold. */
static int decide(float *x) {
    int i, n = 0;
    for (i = 0; i < OUTPUTS; i++) {
        x[i] = sigmoid(x[i] * SHARPNESS);
        n += x[i] >= thresholds[i];
    }
    return n;
}

//// regression
/* Brings the number to its scale. */
static int decide(float *x) {
    x[0] = x[0] * DEVIATION + MEAN;
    return 0;
}

//// embedding
static int decide(float *x) {
    (void)x;
    return 0;
}

//// embedding of length 1: unit
static int decide(float *x) {
    unit(x, OUTPUTS);
    return 0;
}
