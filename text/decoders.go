package text

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// decoder turns tokens back into text, step by step; at the end what is left is joined.
type decoder interface {
	decode(tokens []string) []string
}

// Decode returns the text that tokens stand for, as nearly as the tokenizer's decoder can tell. skipSpecial leaves
// special added tokens out. Numbers that no token has are skipped.
func (t *Tokenizer) Decode(ids []int32, skipSpecial bool) string {
	tokens := make([]string, 0, len(ids))
	for _, id := range ids {
		if skipSpecial && t.added != nil {
			if a := t.added.byID[id]; a != nil && a.Special {
				continue
			}
		}
		if s := t.Token(id); s != "" {
			tokens = append(tokens, s)
		}
	}
	if len(t.decoder) == 0 {
		return strings.Join(tokens, " ")
	}
	for _, d := range t.decoder {
		tokens = d.decode(tokens)
	}
	return strings.Join(tokens, "")
}

// wordPieceDecoder joins the parts of words and puts spaces between words, but not before punctuation.
type wordPieceDecoder struct {
	Prefix  string `json:"prefix"`
	Cleanup bool   `json:"cleanup"`
}

func (d *wordPieceDecoder) decode(tokens []string) []string {
	out := slices.Clone(tokens)
	for i, t := range out {
		if i > 0 {
			if rest, ok := strings.CutPrefix(t, d.Prefix); ok {
				t = rest
			} else {
				t = " " + t
			}
		}
		if d.Cleanup {
			t = cleanupDecoded(t)
		}
		out[i] = t
	}
	return out
}

// cleanupDecoded takes out the spaces that English does not have, one rule after the other.
func cleanupDecoded(s string) string {
	for _, r := range [][2]string{{" .", "."}, {" ?", "?"}, {" !", "!"}, {" ,", ","}, {" ' ", "'"}, {" n't", "n't"}, {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}} {
		s = strings.ReplaceAll(s, r[0], r[1])
	}
	return s
}

// byteLevelDecoder reads visible characters back to bytes.
func (t *byteLevel) decode(tokens []string) []string {
	var all []byte
	for _, token := range tokens {
		n := len(all)
		var ok bool
		if all, ok = bytesOf(all, token); !ok {
			all = append(all[:n], token...)
		}
	}
	return []string{string(all)}
}

// decode of metaspace makes spaces of the replacement, but none of the first, which was put there.
func (t *metaspace) decode(tokens []string) []string {
	out := slices.Clone(tokens)
	for i, token := range out {
		if i == 0 && t.Scheme != "never" {
			out[i] = strings.ReplaceAll(token, t.Replacement, "")
		} else {
			out[i] = strings.ReplaceAll(token, t.Replacement, " ")
		}
	}
	return out
}

// byteFallback makes characters of runs of tokens like <0xE5>; bytes that are no UTF-8 become U+FFFD each.
type byteFallback struct{}

func (byteFallback) decode(tokens []string) (out []string) {
	var bytes []byte
	flush := func() {
		if utf8.Valid(bytes) {
			out = append(out, string(bytes))
		} else {
			out = append(out, strings.Repeat("\uFFFD", len(bytes)))
		}
		bytes = bytes[:0]
	}
	for _, t := range tokens {
		if len(t) == 6 && strings.HasPrefix(t, "<0x") && t[5] == '>' {
			if b, err := strconv.ParseUint(t[3:5], 16, 8); err == nil {
				bytes = append(bytes, byte(b))
				continue
			}
		}
		if len(bytes) > 0 {
			flush()
		}
		out = append(out, t)
	}
	if len(bytes) > 0 {
		flush()
	}
	return out
}

// fuse joins all tokens into one, for the decoders after it.
type fuse struct{}

func (fuse) decode(tokens []string) []string { return []string{strings.Join(tokens, "")} }

// stripDecoder drops up to so many of one character from the ends of each token.
type stripDecoder struct {
	Content string `json:"content"`
	Start   int    `json:"start"`
	Stop    int    `json:"stop"`
}

func (d *stripDecoder) prepare() error {
	if utf8.RuneCountInString(d.Content) != 1 || d.Start < 0 || d.Stop < 0 {
		return fmt.Errorf("content %q, start %d, stop %d; one character and two counts are known", d.Content, d.Start, d.Stop)
	}
	return nil
}

func (d *stripDecoder) decode(tokens []string) []string {
	out := slices.Clone(tokens)
	for i, t := range out {
		for n := 0; n < d.Start && strings.HasPrefix(t, d.Content); n++ {
			t = t[len(d.Content):]
		}
		for n := 0; n < d.Stop && strings.HasSuffix(t, d.Content); n++ {
			t = t[:len(t)-len(d.Content)]
		}
		out[i] = t
	}
	return out
}

// decode of replace replaces in each token.
func (n *replace) decode(tokens []string) []string {
	out := slices.Clone(tokens)
	var m machine
	for i, t := range out {
		var b strings.Builder
		kept := 0
		for it := n.Pattern.matches(t, &m); it.next(); kept = it.to {
			b.WriteString(t[kept:it.from])
			b.WriteString(n.Content)
		}
		b.WriteString(t[kept:])
		out[i] = b.String()
	}
	return out
}

// bpeDecoder makes spaces of the suffix that ends words.
type bpeDecoder struct {
	Suffix string `json:"suffix"`
}

func (d *bpeDecoder) decode(tokens []string) []string {
	out := slices.Clone(tokens)
	for i, t := range out {
		with := " "
		if i == len(out)-1 {
			with = ""
		}
		out[i] = strings.ReplaceAll(t, d.Suffix, with)
	}
	return out
}
