//// hash
static uint64_t finish(uint64_t h) {
    h = (h ^ h >> 31) * UINT64_C(0xbf58476d1ce4e5b9);
    return h ^ h >> 29;
}

/* Continues the hash h with one more token. */
static uint64_t hash_bytes(uint64_t h, const unsigned char *s, size_t n) {
    uint64_t word;
    size_t i;
    for (; n >= 8; n -= 8, s += 8) {
        word = 0;
        for (i = 0; i < 8; i++) {
            word |= (uint64_t)s[i] << (8 * i);
        }
        h = (h ^ word) * PRIME;
        h ^= h >> 29;
    }
    word = (uint64_t)n << 56;
    for (i = 0; i < n; i++) {
        word |= (uint64_t)s[i] << (8 * i);
    }
    h = (h ^ word) * PRIME;
    return finish(h ^ h >> 32);
}

//// buckets of runs: hash
/* Reads the tokens of a text, and behind them the buckets of their runs. */
static int read_runs(const text *t, int32_t *to) {
    int n = 0, i, run;
    for (i = 0; i < ntokens; i++) {
        to[n++] = ids[i];
    }
    for (i = 0; i < ntokens; i++) {
        uint64_t h = TOKEN_SEED;
        for (run = 0; run < RUN && i + run < ntokens; run++) {
            const uint32_t *s = spans + 2 * (i + run);
            h = hash_bytes(h, t->at + s[0], s[1] - s[0]);
            if (run > 0) {
                to[n++] = TOKENS_KNOWN + (int32_t)(h % BUCKETS);
            }
        }
    }
    return n;
}

//// features: hash
static uint32_t features[FEATURES]; /* numbers, and in the upper 8 bits how often less one */
static uint32_t nfeatures;

/* Finds the number of the feature with this hash, -1 for none: its bucket by the lowest bits, its fingerprint by the next. */
static int32_t feature_of(uint64_t hash) {
    uint32_t bucket, at, i, k;
    uint64_t print;
    hash >>= 24;
    bucket = (uint32_t)(hash & ((UINT64_C(1) << BUCKET_BITS) - 1));
    print = hash >> BUCKET_BITS;
    at = bucket_first[bucket / 64];
    for (i = bucket / 64 * 64; i < bucket; i++) {
        at += bucket_counts[i];
    }
    for (i = 0; i < bucket_counts[bucket]; i++, at++) {
        for (k = 0; k < PRINT_BYTES && prints[(size_t)at * PRINT_BYTES + k] == (uint8_t)(print >> (8 * k)); k++) {
        }
        if (k == PRINT_BYTES) {
            return (int32_t)at;
        }
    }
    return -1;
}

static uint32_t number(uint32_t feature) { return feature & 0xffffff; }

static void sift(uint32_t root, uint32_t n) {
    for (;;) {
        uint32_t child = 2 * root + 1, swap;
        if (child >= n) {
            return;
        }
        if (child + 1 < n && number(features[child]) < number(features[child + 1])) {
            child++;
        }
        if (number(features[root]) >= number(features[child])) {
            return;
        }
        swap = features[root];
        features[root] = features[child];
        features[child] = swap;
        root = child;
    }
}

/* Sorts the features and counts equal ones. */
static void count_features(void) {
    uint32_t i, n = 0;
    for (i = nfeatures / 2; i > 0; i--) {
        sift(i - 1, nfeatures);
    }
    for (i = nfeatures; i > 1; i--) {
        uint32_t swap = features[0];
        features[0] = features[i - 1];
        features[i - 1] = swap;
        sift(0, i - 1);
    }
    for (i = 0; i < nfeatures; i++) {
        if (n > 0 && number(features[n - 1]) == number(features[i])) {
            uint32_t times = (features[n - 1] >> 24) + (features[i] >> 24) + 1;
            features[n - 1] = number(features[i]) | (times > 255 ? 255 : times) << 24;
        } else {
            features[n++] = features[i];
        }
    }
    nfeatures = n;
}

static void add_feature(uint32_t feature) {
    if (nfeatures == FEATURES) {
        count_features();
    }
    if (nfeatures < FEATURES) {
        features[nfeatures++] = feature;
    }
}

static void add_hash(uint64_t hash) {
    int32_t feature = feature_of(hash);
    if (feature >= 0) {
        add_feature((uint32_t)feature);
    }
}

//// runs of tokens: features
static void token_grams(const text *t) {
    int i, run;
    for (i = 0; i < ntokens; i++) {
        uint64_t h = TOKEN_SEED;
        for (run = 0; run < RUN && i + run < ntokens; run++) {
            const uint32_t *s = spans + 2 * (i + run);
            h = hash_bytes(h, t->at + s[0], s[1] - s[0]);
            add_hash(h);
        }
    }
}

//// runs of characters: features
static int is_chinese(const text *t, size_t at) {
    size_t size;
    return at < t->n && is_in(&han, decode(t->at + at, t->n - at, &size));
}

/* Adds the runs of characters of a word, whose ends take part as one character each. */
static void word_grams(const unsigned char *s, long n) {
    long at, end;
    size_t size;
    for (at = -1; at < n; at += (long)size) {
        uint64_t h = CHARACTER_SEED;
        int length = 0;
        for (end = at; end <= n && length < CHARACTERS_MOST; end += (long)size) {
            uint32_t c = 0x110000; /* no character: the end of the word */
            size = 1;
            if (end >= 0 && end < n) {
                c = decode(s + end, (size_t)(n - end), &size);
            }
            h = (h ^ c) * PRIME;
            h ^= h >> 29;
            length++;
            if (length >= CHARACTERS_LEAST) {
                add_hash(finish(h));
            }
        }
        size = 1;
        if (at >= 0) {
            decode(s + at, (size_t)(n - at), &size);
        }
    }
}

/* A word is a run of tokens with nothing between them; beside a Chinese character a space is no end. */
static void character_grams(const text *t) {
    int i = 0;
    while (i < ntokens) {
        uint32_t from = spans[2 * i], to = spans[2 * i + 1];
        for (i++; i < ntokens; i++) {
            size_t last = to;
            do {
                last--;
            } while (last > 0 && (t->at[last] & 0xc0) == 0x80);
            if (spans[2 * i] != to && !is_chinese(t, last) && !is_chinese(t, spans[2 * i])) {
                break;
            }
            to = spans[2 * i + 1];
        }
        word_grams(t->at + from, (long)(to - from));
    }
}

//// form of a text: features
/* Tells how many eighths of an octave n lies above one half, rounded down. */
static uint32_t eighths(uint32_t n) {
    static const uint32_t steps[7] = {71468, 77936, 84990, 92682, 101071, 110218, 120194}; /* 65536 * 2^(i/8) */
    uint32_t octave = 0, within, i;
    if (n == 0) {
        return 0;
    }
    while (n >> octave > 1) {
        octave++;
    }
    within = (uint32_t)(((uint64_t)n << 16) >> octave);
    for (i = 0; i < 7 && within >= steps[i]; i++) {
    }
    return 8 * (octave + 1) + i;
}

static void add_form(uint64_t kind, uint32_t n) {
    uint32_t width, eighth = eighths(n);
    for (width = 2; width <= 8; width *= 2) {
        uint64_t nearest = (eighth + width / 2) / width;
        add_hash(finish((FORM_SEED ^ kind << 32 ^ (uint64_t)width << 16 ^ nearest) * PRIME));
    }
}

/* Adds how many characters a text has, and how many of its tokens stand apart from the one before. */
static void form_features(const text *t) {
    uint32_t characters = 0, gaps = 0, at;
    int i;
    if (ntokens == 0) {
        return;
    }
    for (at = spans[0]; at < spans[2 * ntokens - 1]; at++) {
        characters += (t->at[at] & 0xc0) != 0x80;
    }
    for (i = 1; i < ntokens; i++) {
        gaps += spans[2 * i] > spans[2 * i - 1];
    }
    add_form(0, characters);
    add_form(1, gaps);
}

//// score features
/* Scores what was counted. */
static void score_features(float *logits) {
    double sum = 0;
    float scale, x[OUTPUTS];
    uint32_t i;
    int c;
    count_features();
    for (i = 0; i < nfeatures; i++) {
        float v = feature_value(features[i]);
        sum += (double)v * (double)v;
    }
    scale = (float)(1 / sqrt(sum > 1e-12 ? sum : 1e-12));
    for (c = 0; c < OUTPUTS; c++) {
        x[c] = 0;
    }
    for (i = 0; i < nfeatures; i++) {
        add_row(x, number(features[i]), feature_value(features[i]) * scale);
    }
    for (c = 0; c < OUTPUTS; c++) {
        logits[c] = x[c] * COLUMN_SCALE(c) + classifier_bias[c];
    }
}
