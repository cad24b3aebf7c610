//// utf8
/* A text on its way: whole characters of UTF-8, TEXT_BYTES bytes at most; what has no room any more is left out. */
typedef struct {
    unsigned char at[TEXT_BYTES];
    size_t n;
    int full;
} text;

static text texts[2]; /* what a step reads, and what it writes */

/* Reads the character at s, to which size of its n > 0 bytes belong. What is no UTF-8 is U+FFFD, byte by byte. */
static uint32_t decode(const unsigned char *s, size_t n, size_t *size) {
    uint32_t c = s[0], least = 0;
    size_t more = 0, i;
    *size = 1;
    if (c < 0x80) {
        return c;
    }
    if (c >= 0xc2 && c <= 0xdf) {
        more = 1;
        least = 0x80;
        c &= 0x1f;
    } else if (c >= 0xe0 && c <= 0xef) {
        more = 2;
        least = 0x800;
        c &= 0x0f;
    } else if (c >= 0xf0 && c <= 0xf4) {
        more = 3;
        least = 0x10000;
        c &= 0x07;
    }
    if (more == 0 || more >= n) {
        return 0xfffd;
    }
    for (i = 1; i <= more; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0xfffd;
        }
        c = c << 6 | (s[i] & 0x3f);
    }
    if (c < least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
        return 0xfffd;
    }
    *size = more + 1;
    return c;
}

static void put(text *t, uint32_t c) {
    unsigned char b[4];
    size_t n = 1, i;
    if (c < 0x80) {
        b[0] = (unsigned char)c;
    } else if (c < 0x800) {
        n = 2;
        b[0] = (unsigned char)(0xc0 | c >> 6);
    } else if (c < 0x10000) {
        n = 3;
        b[0] = (unsigned char)(0xe0 | c >> 12);
    } else {
        n = 4;
        b[0] = (unsigned char)(0xf0 | c >> 18);
    }
    for (i = 1; i < n; i++) {
        b[i] = (unsigned char)(0x80 | (c >> (6 * (n - 1 - i)) & 0x3f));
    }
    if (t->full || t->n + n > TEXT_BYTES) {
        t->full = 1;
        return;
    }
    for (i = 0; i < n; i++) {
        t->at[t->n++] = b[i];
    }
}

/* Begins with the n bytes that the caller gives. */
static void take(const char *given, size_t n) {
    const unsigned char *s = (const unsigned char *)given;
    size_t at = 0, size;
    texts[0].n = 0;
    texts[0].full = 0;
    while (at < n && !texts[0].full) {
        put(&texts[0], decode(s + at, n - at, &size));
        at += size;
    }
}

//// copy: utf8
/* Appends the characters of s[from, to). */
static void copy(text *t, const text *s, size_t from, size_t to) {
    size_t size;
    while (from < to) {
        put(t, decode(s->at + from, to - from, &size));
        from += size;
    }
}

//// ranges
/* Ranges of characters in rising order: from, to, from, to … */
typedef struct {
    const uint32_t *list;
    uint32_t n;
} ranges;

static int is_in(const ranges *r, uint32_t c) {
    uint32_t lo = 0, hi = r->n;
    while (lo < hi) {
        uint32_t m = lo + (hi - lo) / 2;
        if (c > r->list[2 * m + 1]) {
            lo = m + 1;
        } else if (c < r->list[2 * m]) {
            hi = m;
        } else {
            return 1;
        }
    }
    return 0;
}

//// white space
static int is_space(uint32_t c) {
    return (c >= 9 && c <= 13) || c == ' ' || c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
           c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

//// words
/* Texts in rising order, one behind the other in bytes; text i begins at at[i]. */
typedef struct {
    const uint8_t *bytes;
    const uint32_t *at;
    uint32_t n;
} words;

/* The texts that begin with the depth bytes that were read. */
typedef struct {
    uint32_t lo, hi, depth;
} prefix;

static int byte_of(const words *w, uint32_t i, uint32_t depth) {
    return w->at[i] + depth < w->at[i + 1] ? w->bytes[w->at[i] + depth] : -1;
}

/* Reads one more byte, and tells whether a text is left. */
static int narrow(const words *w, prefix *p, int c) {
    uint32_t lo = p->lo, hi = p->hi;
    while (lo < hi) {
        uint32_t m = lo + (hi - lo) / 2;
        if (byte_of(w, m, p->depth) < c) {
            lo = m + 1;
        } else {
            hi = m;
        }
    }
    p->lo = lo;
    hi = p->hi;
    while (lo < hi) {
        uint32_t m = lo + (hi - lo) / 2;
        if (byte_of(w, m, p->depth) <= c) {
            lo = m + 1;
        } else {
            hi = m;
        }
    }
    p->hi = lo;
    p->depth++;
    return p->lo < p->hi;
}

/* Returns the text that ends here, -1 for none. */
static int32_t ends(const words *w, const prefix *p) {
    return p->lo < p->hi && w->at[p->lo + 1] - w->at[p->lo] == p->depth ? (int32_t)p->lo : -1;
}

/* Returns the number of a text, -1 for one that is not there. */
static int32_t find(const words *w, const unsigned char *s, size_t n) {
    prefix p;
    size_t i;
    p.lo = 0;
    p.hi = w->n;
    p.depth = 0;
    for (i = 0; i < n; i++) {
        if (!narrow(w, &p, s[i])) {
            return -1;
        }
    }
    return ends(w, &p);
}

//// ascii
static unsigned char small(unsigned char c) { return c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : c; }

static int is_letter(unsigned char c) { return small(c) >= 'a' && small(c) <= 'z'; }

//// html: utf8, copy, ascii, words
static int is_html_space(unsigned char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f'; }

static size_t skip_space(const text *s, size_t at) {
    while (at < s->n && is_html_space(s->at[at])) {
        at++;
    }
    return at;
}

/* Returns the place behind the next byte c, or the end. */
static size_t behind(const text *s, size_t at, unsigned char c) {
    while (at < s->n && s->at[at] != c) {
        at++;
    }
    return at < s->n ? at + 1 : s->n;
}

/* Returns the place behind a tag whose name ends at at, 0 where it never ends. */
static size_t tag_end(const text *s, size_t at) {
    for (;;) {
        size_t first;
        unsigned char quote;
        at = skip_space(s, at);
        if (at >= s->n) {
            return 0;
        }
        if (s->at[at] == '>') {
            return at + 1;
        }
        for (first = at; at < s->n; at++) { /* the name of an attribute */
            unsigned char c = s->at[at];
            if (is_html_space(c) || c == '/' || c == '>' || (c == '=' && at > first)) {
                break;
            }
        }
        at = skip_space(s, at);
        if (at >= s->n) {
            return 0;
        }
        if (s->at[at] == '/') {
            at++;
            continue;
        }
        if (s->at[at] != '=') {
            continue;
        }
        at = skip_space(s, at + 1);
        if (at >= s->n) {
            return 0;
        }
        quote = s->at[at];
        if (quote == '"' || quote == '\'') {
            for (at++; at < s->n && s->at[at] != quote; at++) {
            }
            at++;
            continue;
        }
        while (at < s->n && !is_html_space(s->at[at]) && s->at[at] != '>') {
            at++;
        }
    }
}

/* Returns the place behind what begins with <! before at: a comment or a declaration. */
static size_t declaration_end(const text *s, size_t at) {
    int dashes = 0, beginning = 1;
    if (at + 1 >= s->n) {
        return s->n;
    }
    if (s->at[at] != '-' || s->at[at + 1] != '-') {
        return behind(s, at, '>');
    }
    for (at += 2; at < s->n; at++) {
        unsigned char c = s->at[at];
        if (c == '-') {
            dashes++;
            continue;
        }
        if (c == '>' && (dashes >= 2 || beginning)) {
            return at + 1;
        }
        if (c == '!' && dashes >= 2 && at + 1 < s->n) {
            at++;
            if (s->at[at] == '>') {
                return at + 1;
            }
            if (s->at[at] == '-') {
                dashes = 1;
                beginning = 0;
                continue;
            }
        }
        dashes = 0;
        beginning = 0;
    }
    return s->n;
}

/* Reads the entity between & and ; and returns its character, 0 for none. */
static uint32_t entity(const unsigned char *s, size_t n) {
    uint32_t c = 0, base = 10;
    size_t i = 1;
    int32_t name;
    if (n < 2 || s[0] != '#') {
        name = find(&entities, s, n);
        return name < 0 ? 0 : entity_characters[name];
    }
    if (s[1] == 'x' || s[1] == 'X') {
        base = 16;
        i = 2;
    }
    if (i == n) {
        return 0;
    }
    for (; i < n; i++) {
        unsigned char d = small(s[i]);
        if (d >= '0' && d <= '9') {
            c = base * c + (uint32_t)(d - '0');
        } else if (base == 16 && d >= 'a' && d <= 'f') {
            c = base * c + (uint32_t)(d - 'a') + 10;
        } else {
            return 0;
        }
    }
    if (c >= 0x80 && c <= 0x9f) {
        return windows_1252[c - 0x80];
    }
    if (c == 0 || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff) {
        return 0xfffd;
    }
    return c == ';' ? 0 : c;
}

/* Appends s[from, to) with its entities decoded, and tells whether there were any. */
static int decode_entities(text *t, const text *s, size_t from, size_t to) {
    int changed = 0;
    size_t size;
    while (from < to) {
        if (s->at[from] == '&') {
            size_t end = from + 1, last = to - from < 33 ? to : from + 33;
            while (end < last && s->at[end] != ';') {
                end++;
            }
            if (end < last) {
                uint32_t c = entity(s->at + from + 1, end - from - 1);
                if (c != 0) {
                    put(t, c);
                    from = end + 1;
                    changed = 1;
                    continue;
                }
            }
        }
        put(t, decode(s->at + from, to - from, &size));
        from += size;
    }
    return changed;
}

/* Returns what is done with the tag whose name is s->at[from, to): see tag_kinds; -1 for what HTML does not know. */
static int tag_kind(const text *s, size_t from, size_t to) {
    unsigned char name[TAG_LONGEST];
    int32_t tag;
    size_t i;
    if (to - from > TAG_LONGEST) {
        return -1;
    }
    for (i = 0; from + i < to; i++) {
        name[i] = small(s->at[from + i]);
    }
    tag = find(&tags, name, i);
    return tag < 0 ? -1 : tag_kinds[tag];
}

/* Returns where the end tag of the element begins that s->at[from, to) names, or the end. */
static size_t raw_end(const text *s, size_t from, size_t to, size_t at) {
    for (; at < s->n; at++) {
        size_t i;
        if (s->at[at] != '<' || at + 1 >= s->n || s->at[at + 1] != '/' || at + 2 + (to - from) >= s->n) {
            continue;
        }
        for (i = 0; from + i < to && small(s->at[at + 2 + i]) == small(s->at[from + i]); i++) {
        }
        if (from + i == to) {
            unsigned char c = s->at[at + 2 + i];
            if (is_html_space(c) || c == '/' || c == '>') {
                return at;
            }
        }
    }
    return s->n;
}

/* Drops tags, comments, scripts and styles, and decodes entities. */
static int html(text *t, const text *s) {
    size_t at = 0, from = 0; /* from: what is not written yet */
    int changed = 0;
    while (at + 1 < s->n) {
        size_t name = at + 1, end, last;
        int closing, kind;
        unsigned char c = s->at[name];
        if (s->at[at] != '<') {
            at++;
            continue;
        }
        if (c == '!') {
            changed |= decode_entities(t, s, from, at) | 1;
            from = at = declaration_end(s, at + 2);
            continue;
        }
        closing = c == '/';
        if (closing && name + 1 < s->n) {
            c = s->at[++name];
        }
        if (c == '?' || (closing && name > at + 1 && !is_letter(c))) { /* for HTML a comment, for us text */
            changed |= decode_entities(t, s, from, at);
            end = behind(s, name, '>');
            copy(t, s, at, end);
            from = at = end;
            continue;
        }
        if (!is_letter(c)) {
            at++;
            continue;
        }
        for (last = name; last < s->n && !is_html_space(s->at[last]) && s->at[last] != '/' && s->at[last] != '>'; last++) {
        }
        end = tag_end(s, last);
        if (end == 0) {
            break;
        }
        changed |= decode_entities(t, s, from, at);
        kind = tag_kind(s, name, last);
        if (kind < 0) {
            copy(t, s, at, end);
        } else {
            changed = 1;
            if (kind != TAG_INLINE) {
                put(t, ' ');
            }
        }
        from = at = end;
        if (!closing && kind >= TAG_RAW) {
            end = kind == TAG_PLAIN ? s->n : raw_end(s, name, last, at);
            if (kind == TAG_HIDDEN && s->at[at - 2] != '/') {
                changed |= end > at;
            } else {
                changed |= decode_entities(t, s, at, end);
            }
            from = at = end;
        }
    }
    return changed | decode_entities(t, s, from, s->n);
}

//// full_width: utf8
static int full_width(text *t, const text *s) {
    int changed = 0;
    size_t at = 0, size;
    while (at < s->n) {
        uint32_t c = decode(s->at + at, s->n - at, &size);
        if (c == 0x3000) {
            c = ' ';
            changed = 1;
        } else if (c >= 0xff01 && c <= 0xff5e) {
            c -= 0xfee0;
            changed = 1;
        }
        put(t, c);
        at += size;
    }
    return changed;
}

//// control: utf8
static int is_unseen(uint32_t c) {
    if (c == '\t' || c == '\n' || c == '\r') {
        return 0;
    }
    return c < 0x20 || (c >= 0x7f && c < 0xa0 && c != 0x85) || c == 0xad || c == 0x200b || c == 0x200e || c == 0x200f ||
           (c >= 0x202a && c <= 0x202e) || (c >= 0x2060 && c <= 0x2064) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

/* Drops control, zero-width and direction characters. */
static int control(text *t, const text *s) {
    int changed = 0;
    size_t at = 0, size;
    while (at < s->n) {
        uint32_t c = decode(s->at + at, s->n - at, &size);
        if (is_unseen(c)) {
            changed = 1;
        } else {
            put(t, c);
        }
        at += size;
    }
    return changed;
}

//// urls: utf8, copy, ascii
static int is_alnum(unsigned char c) { return (c >= '0' && c <= '9') || is_letter(c); }

static int is_one_of(unsigned char c, const char *list) {
    for (; *list != 0; list++) {
        if (c == (unsigned char)*list) {
            return 1;
        }
    }
    return 0;
}

/* Returns how long begin is, in small letters, if the text has it at at and something behind it; 0 if not. */
static size_t begins(const text *s, size_t at, const char *begin) {
    size_t n = 0;
    for (; begin[n] != 0; n++) {
        if (at + n + 1 >= s->n || small(s->at[at + n]) != (unsigned char)begin[n]) {
            return 0;
        }
    }
    return n;
}

static size_t scheme(const text *s, size_t at) {
    size_t n = begins(s, at, "https://");
    if (n == 0) {
        n = begins(s, at, "http://");
    }
    if (n == 0) {
        n = begins(s, at, "ftp://");
    }
    if (n == 0 && (at == 0 || (!is_alnum(s->at[at - 1]) && s->at[at - 1] != '_'))) {
        n = begins(s, at, "www.");
    }
    return n;
}

/* Puts a space for each web address. */
static int urls(text *t, const text *s) {
    int changed = 0;
    size_t at = 0, size;
    while (at < s->n) {
        size_t n = scheme(s, at), end = at + n, to;
        while (n > 0 && end < s->n && (is_alnum(s->at[end]) || is_one_of(s->at[end], "-._~:/?#@!$&()*+,;=%"))) {
            end++;
        }
        if (end == at + n) {
            put(t, decode(s->at + at, s->n - at, &size));
            at += size;
            continue;
        }
        for (to = end; to > at && is_one_of(s->at[to - 1], ".,;:!?"); to--) { /* punctuation of the sentence */
        }
        put(t, ' ');
        copy(t, s, to, end);
        at = end;
        changed = 1;
    }
    return changed;
}

//// repeats: utf8, ranges
/* Cuts runs of one character that is no digit. */
static int repeats(text *t, const text *s) {
    uint32_t previous = 0xffffffffu, run = 0;
    int changed = 0;
    size_t at = 0, size;
    while (at < s->n) {
        uint32_t c = decode(s->at + at, s->n - at, &size);
        if (c != previous || is_in(&digits, c)) {
            previous = c;
            run = 0;
        }
        if (++run > REPEATS) {
            changed = 1;
        } else {
            put(t, c);
        }
        at += size;
    }
    return changed;
}

//// space: utf8, white space
/* Makes one space of white space, and none at the ends. */
static int space(text *t, const text *s) {
    int changed = 0;
    size_t at = 0, size;
    while (at < s->n) {
        size_t from = at;
        uint32_t c = decode(s->at + at, s->n - at, &size);
        while (is_space(c)) {
            at += size;
            if (at >= s->n) {
                break;
            }
            c = decode(s->at + at, s->n - at, &size);
        }
        if (at > from) {
            int inside = from > 0 && at < s->n;
            if (inside) {
                put(t, ' ');
            }
            changed |= !inside || at - from > 1 || s->at[from] != ' ';
        }
        if (at < s->n) {
            put(t, c);
            at += size;
        }
    }
    return changed;
}

//// clean: utf8
/* Applies the steps again and again until nothing changes. Returns the text that came of it. */
static const text *clean(void) {
    static int (*const steps[])(text *, const text *) = {STEPS};
    unsigned now = 0, round, i;
    int changed = 1;
    for (round = 0; changed && round < 64; round++) {
        changed = 0;
        for (i = 0; i < sizeof steps / sizeof steps[0]; i++) {
            text *next = &texts[1 - now];
            next->n = 0;
            next->full = 0;
            if (steps[i](next, &texts[now])) {
                now = 1 - now;
                changed = 1;
            }
        }
    }
    return &texts[now];
}

//// map: ranges, words
/* What becomes of characters: in ranges of from, to, step and difference; of others, text i; and ranges of those that go. */
typedef struct {
    const int32_t *shifts;
    uint32_t nshifts;
    ranges dropped;
    const uint32_t *characters;
    words texts;
} mapping;

/* Two characters and the one that they compose to, in rising order. */
typedef struct {
    const uint32_t *list;
    uint32_t n;
} compositions;

//// map characters: utf8, map
/* Appends what becomes of c, and tells whether that is something else. */
static int map_character(text *t, const mapping *m, uint32_t c) {
    uint32_t lo = 0, hi = m->nshifts;
    while (lo < hi) {
        uint32_t k = lo + (hi - lo) / 2;
        const int32_t *r = m->shifts + 4 * k;
        if ((int32_t)c > r[1]) {
            lo = k + 1;
        } else if ((int32_t)c < r[0]) {
            hi = k;
        } else if (((int32_t)c - r[0]) % r[2] == 0) {
            put(t, (uint32_t)((int32_t)c + r[3]));
            return 1;
        } else {
            break;
        }
    }
    if (is_in(&m->dropped, c)) {
        return 1;
    }
    lo = 0;
    hi = m->texts.n;
    while (lo < hi) {
        uint32_t k = lo + (hi - lo) / 2;
        if (m->characters[k] < c) {
            lo = k + 1;
        } else {
            hi = k;
        }
    }
    if (lo < m->texts.n && m->characters[lo] == c) {
        uint32_t at = m->texts.at[lo], end = m->texts.at[lo + 1];
        while (at < end) {
            size_t size;
            put(t, decode(m->texts.bytes + at, end - at, &size));
            at += (uint32_t)size;
        }
        return 1;
    }
    put(t, c);
    return 0;
}

/* Returns the character that two compose to, 0 for none. */
static uint32_t compose(uint32_t first, uint32_t second) {
    uint32_t lo = 0, hi = composed.n;
    while (lo < hi) {
        uint32_t m = lo + (hi - lo) / 2;
        const uint32_t *p = composed.list + 3 * m;
        if (p[0] < first || (p[0] == first && p[1] < second)) {
            lo = m + 1;
        } else {
            hi = m;
        }
    }
    if (lo < composed.n && composed.list[3 * lo] == first && composed.list[3 * lo + 1] == second) {
        return composed.list[3 * lo + 2];
    }
    return 0;
}

/* Reads the character at *at with the marks that it composes with. */
static uint32_t composed_at(const text *s, size_t *at) {
    size_t size;
    uint32_t c = decode(s->at + *at, s->n - *at, &size), both;
    *at += size;
    while (*at < s->n && (both = compose(c, decode(s->at + *at, s->n - *at, &size))) != 0) {
        c = both;
        *at += size;
    }
    return c;
}

//// map whole texts: map characters
static int map_characters(text *t, const text *s, const mapping *m) {
    int changed = 0;
    size_t at = 0, size;
    while (at < s->n) {
        uint32_t first = decode(s->at + at, s->n - at, &size);
        uint32_t c = composed_at(s, &at);
        changed |= map_character(t, m, c) | (c != first);
    }
    return changed;
}

//// unicode: map whole texts
/* Unifies forms of characters, those that the tables know. */
static int unicode(text *t, const text *s) { return map_characters(t, s, &unified); }
