package text

// vocab are the tokens of an algorithm by number. An empty token is a number that has none.
type vocab struct {
	tokens []string
	ids    map[string]int32
}

func newVocab(tokens []string) vocab {
	v := vocab{tokens, make(map[string]int32, len(tokens))}
	for i, t := range tokens {
		if t != "" {
			v.ids[t] = int32(i)
		}
	}
	return v
}

func (v *vocab) vocabulary() []string { return v.tokens }

func (v *vocab) id(token string) (int32, bool) {
	id, ok := v.ids[token]
	return id, ok
}

// append adds a token.
func (e *Encoding) append(id int32, piece Span) {
	e.IDs, e.Pieces = append(e.IDs, id), append(e.Pieces, piece)
}

// truncate drops the tokens from n on while an algorithm is at work.
func (e *Encoding) truncate(n int) { e.IDs, e.Pieces = e.IDs[:n], e.Pieces[:n] }
