//// tokens
static int32_t ids[MAX_TOKENS];
static int ntokens; /* also those that have no room */

//// spans: tokens
static uint32_t spans[2 * MAX_TOKENS]; /* of the tokens in the text: from, to, from, to … */

//// token: tokens
static void token(int32_t id, size_t from, size_t to) {
    if (ntokens < MAX_TOKENS) {
        ids[ntokens] = id;
        (void)from;
        (void)to;
    }
    ntokens++;
}

//// token with span: tokens, spans
static void token(int32_t id, size_t from, size_t to) {
    if (ntokens < MAX_TOKENS) {
        ids[ntokens] = id;
        spans[2 * ntokens] = (uint32_t)from;
        spans[2 * ntokens + 1] = (uint32_t)to;
    }
    ntokens++;
}

//// word level: words
/* Takes a piece of the text as one token. */
static void piece(const text *t, size_t from, size_t to) {
    int32_t k = find(&vocabulary, t->at + from, to - from);
    token(k < 0 ? UNKNOWN : token_ids[k], from, to);
}

//// word piece: words
/* Cuts a piece into the longest tokens from left to right; one that cannot be cut to its end is one unknown token. */
static void piece(const text *t, size_t from, size_t to) {
    int first = ntokens;
    size_t at, characters = 0;
    for (at = from; at < to; at++) {
        characters += (t->at[at] & 0xc0) != 0x80;
    }
    if (characters > LONGEST_WORD) {
        token(UNKNOWN, from, to);
        return;
    }
    for (at = from; at < to;) {
        prefix p = within;
        int32_t best = -1;
        size_t end = at, i = at;
        if (at == from) {
            p.lo = 0;
            p.hi = vocabulary.n;
            p.depth = 0;
        }
        while (i < to && narrow(&vocabulary, &p, t->at[i])) {
            int32_t k = ends(&vocabulary, &p);
            i++;
            if (k >= 0) {
                best = k;
                end = i;
            }
        }
        if (best < 0) {
            ntokens = first;
            token(UNKNOWN, from, to);
            return;
        }
        token(token_ids[best], at, end);
        at = end;
    }
}

//// unigram: utf8, words
/* The best way to a place in a piece: the token that ends there, where it begins, and where the next one ends. */
typedef struct {
    double score;
    int32_t id; /* -1: not reached */
    uint16_t from, to;
} way;

static way ways[PIECE + 1];

static void reach(size_t end, size_t from, int32_t id, double score) {
    if (ways[end].id < 0 || score > ways[end].score) {
        ways[end].score = score;
        ways[end].id = id;
        ways[end].from = (uint16_t)from;
    }
}

/* Cuts a piece of at most PIECE bytes into the tokens whose probabilities have the largest product (Viterbi). */
static void best_path(const text *t, size_t from, size_t n) {
    const unsigned char *s = t->at + from;
    size_t at, size;
    for (at = 0; at <= n; at++) {
        ways[at].id = -1;
    }
    ways[0].score = 0;
    for (at = 0; at < n; at += size) {
        double here = ways[at].score;
        int single = 0;
        size_t end = at;
        prefix p;
        p.lo = 0;
        p.hi = vocabulary.n;
        p.depth = 0;
        decode(s + at, n - at, &size);
        while (end < n && narrow(&vocabulary, &p, s[end])) {
            int32_t k = ends(&vocabulary, &p);
            end++;
            if (k >= 0) {
                reach(end, at, token_ids[k], TOKEN_SCORE(k) + here);
                single |= end - at == size;
            }
        }
        if (!single) {
            reach(at + size, at, UNKNOWN, UNKNOWN_SCORE + here);
        }
    }
    for (at = n; at > 0; at = ways[at].from) {
        ways[ways[at].from].to = (uint16_t)at;
    }
    while (at < n) {
        size_t begin = at;
        int32_t id;
        at = ways[at].to;
        id = ways[at].id;
        while (id == UNKNOWN && at < n && ways[ways[at].to].id == UNKNOWN) { /* unknown neighbours are one token */
            at = ways[at].to;
        }
        token(id, from + begin, from + at);
    }
}

static void piece(const text *t, size_t from, size_t to) {
    while (to - from > PIECE) {
        size_t n = PIECE;
        while ((t->at[from + n] & 0xc0) == 0x80) {
            n--;
        }
        best_path(t, from, n);
        from += n;
    }
    best_path(t, from, to - from);
}

//// split into characters: utf8, white space
/* Makes tokens of the characters of a text. */
static void split(const text *t) {
    size_t at = 0, size;
    while (at < t->n && ntokens < MAX_TOKENS) {
        if (!is_space(decode(t->at + at, t->n - at, &size))) {
            piece(t, at, at + size);
        }
        at += size;
    }
}

//// split into words: utf8, white space, ranges
/* Cuts a text at white space, which is dropped, and around punctuation; and the pieces into tokens. */
static void split(const text *t) {
    size_t at = 0, start = 0, size;
    while (at < t->n && ntokens < MAX_TOKENS) {
        uint32_t c = decode(t->at + at, t->n - at, &size);
        int space = is_space(c);
        if (space || is_in(&punctuation, c)) {
            if (start < at) {
                piece(t, start, at);
            }
            if (!space) {
                piece(t, at, at + size);
            }
            start = at + size;
        }
        at += size;
    }
    if (start < at && ntokens < MAX_TOKENS) {
        piece(t, start, at);
    }
}

//// split at marks: utf8, ranges
/* Cuts a text before the marks that stand for spaces, and around punctuation; and the pieces into tokens. */
static void split(const text *t) {
    size_t at = 0, start = 0, size;
    while (at < t->n && ntokens < MAX_TOKENS) {
        uint32_t c = decode(t->at + at, t->n - at, &size);
        int mark = c == 0x2581;
        if (mark || is_in(&punctuation, c)) {
            if (start < at) {
                piece(t, start, at);
            }
            start = at;
            if (!mark) {
                piece(t, at, at + size);
                start = at + size;
            }
        }
        at += size;
    }
    if (start < at && ntokens < MAX_TOKENS) {
        piece(t, start, at);
    }
}

//// tokenize
/* Reads what the caller gives as tokens. Returns the text that their places count in. */
static const text *tokenize(const char *utf8, size_t n) {
    const text *t;
    take(utf8, n);
    t = normalize(clean());
    ntokens = 0;
    split(t);
    if (ntokens > MAX_TOKENS) {
        ntokens = MAX_TOKENS;
    }
    return t;
}

//// normalize: map characters, map whole texts
/* Brings a clean text into the form that tokens have. */
static const text *normalize(const text *s) {
    text *t = s == &texts[0] ? &texts[1] : &texts[0];
    t->n = 0;
    t->full = 0;
    map_characters(t, s, &normal);
    return t;
}

//// normalize with ideographs apart: map characters
/* Brings a clean text into the form that tokens have, with spaces around Chinese characters. */
static const text *normalize(const text *s) {
    text *t = s == &texts[0] ? &texts[1] : &texts[0];
    size_t at = 0;
    t->n = 0;
    t->full = 0;
    while (at < s->n) {
        uint32_t c = composed_at(s, &at);
        int apart = is_in(&ideographs, c);
        if (apart) {
            put(t, ' ');
        }
        map_character(t, &normal, c);
        if (apart) {
            put(t, ' ');
        }
    }
    return t;
}

//// normalize with marks for spaces: map characters, map whole texts
/* Brings a clean text into the form that tokens have: a mark stands before words, in place of spaces. */
static const text *normalize(const text *s) {
    text *t = s == &texts[0] ? &texts[1] : &texts[0];
    const text *plain = t;
    size_t at = 0, size;
    t->n = 0;
    t->full = 0;
    map_characters(t, s, &normal);
    t = s == &texts[0] ? &texts[0] : &texts[1];
    t->n = 0;
    t->full = 0;
    while (at < plain->n) {
        uint32_t c = decode(plain->at + at, plain->n - at, &size);
        if (at == 0 && c != ' ' && c != 0x2581) {
            put(t, 0x2581);
        }
        put(t, c == ' ' ? 0x2581 : c);
        at += size;
    }
    return t;
}
