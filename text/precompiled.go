package text

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// precompiled applies the rules of characters that a SentencePiece model carries: a double-array trie (Darts-clone) from
// texts to places in a list of replacements.
type precompiled struct {
	Map []byte `json:"precompiled_charsmap"` // base64 in the file

	units        []uint32
	replacements string
	ascii        [utf8.RuneSelf]bool // characters that a rule begins with
}

func (n *precompiled) UnmarshalJSON(data []byte) error {
	var fields struct {
		Map []byte `json:"precompiled_charsmap"`
	}
	err := json.Unmarshal(data, &fields)
	n.Map = fields.Map
	return err
}

// prepare reads the map: the size of the trie in bytes, the trie, and replacements that end with zero bytes.
func (n *precompiled) prepare() error {
	if len(n.Map) == 0 {
		return nil
	}
	if len(n.Map) < 4 {
		return fmt.Errorf("precompiled_charsmap of %d bytes", len(n.Map))
	}
	size := binary.LittleEndian.Uint32(n.Map)
	if uint64(size) > uint64(len(n.Map)-4) || size%4 != 0 {
		return fmt.Errorf("precompiled_charsmap: a trie of %d bytes in %d", size, len(n.Map))
	}
	n.units = make([]uint32, size/4)
	for i := range n.units {
		n.units[i] = binary.LittleEndian.Uint32(n.Map[4+4*i:])
	}
	n.replacements = string(n.Map[4+size:])
	if !utf8.ValidString(n.replacements) {
		return fmt.Errorf("precompiled_charsmap: the replacements are not UTF-8")
	}
	for c := range n.ascii {
		_, n.ascii[c] = n.find(string(rune(c)))
	}
	return nil
}

// find returns what the shortest rule that s begins with makes of it.
func (n *precompiled) find(s string) (string, bool) {
	if len(n.units) == 0 {
		return "", false
	}
	offset := func(u uint32) uint32 { return u >> 10 << (u & (1 << 9) >> 6) }
	at := offset(n.units[0])
	for i := range len(s) {
		at ^= uint32(s[i])
		if s[i] == 0 || uint64(at) >= uint64(len(n.units)) {
			return "", false
		}
		u := n.units[at]
		if u&(1<<31|0xff) != uint32(s[i]) {
			return "", false
		}
		at ^= offset(u)
		if u>>8&1 == 0 {
			continue
		}
		if uint64(at) >= uint64(len(n.units)) {
			return "", false
		}
		place := n.units[at] & (1<<31 - 1)
		if uint64(place) >= uint64(len(n.replacements)) || !utf8.RuneStart(n.replacements[place]) {
			return "", false
		}
		with, _, _ := strings.Cut(n.replacements[place:], "\x00")
		return with, true
	}
	return "", false
}

// normalize replaces what people see as one character, if it is short, or else each of its parts.
func (n *precompiled) normalize(d *draft) {
	if n.plain(d.text) {
		return
	}
	var changes []change
	changed := false
	rule := func(part string) bool {
		with, ok := n.find(part)
		if ok {
			changes = appendReplacement(changes, part, with)
			changed = true
		}
		return ok
	}
	state := -1
	for rest := d.text; rest != ""; {
		var cluster string
		cluster, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if len(cluster) < 6 && rule(cluster) {
			continue
		}
		for at, r := range cluster {
			if part := cluster[at : at+characterLength(cluster, at)]; !rule(part) {
				changes = append(changes, change{r, 0})
			}
		}
	}
	if changed {
		d.transform(changes, 0)
		d.commit()
	}
}

// plain tells quickly of texts that no rule can touch: ASCII without characters that a rule begins with.
func (n *precompiled) plain(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf || n.ascii[s[i]] {
			return false
		}
	}
	return true
}

// appendReplacement counts characters as the reference does: the last ones are those that there are more, and the last
// one stands for those that are gone.
func appendReplacement(changes []change, old, with string) []change {
	start := len(changes)
	for _, r := range with {
		changes = append(changes, change{r, 0})
	}
	more := len(changes) - start - utf8.RuneCountInString(old)
	switch {
	case more > 0:
		for i := range more {
			changes[len(changes)-1-i].count = 1
		}
	case more < 0 && len(changes) > 0:
		changes[len(changes)-1].count += more
	}
	return changes
}
