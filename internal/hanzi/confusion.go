package hanzi

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// Kind says why two characters are taken for each other.
type Kind uint8

const (
	SameSound    Kind = iota + 1 // the same syllable and tone: 在 再
	SameSyllable                 // the same syllable in another tone: 买 卖
	NearSound                    // syllables that many speakers do not tell apart: 是 四, 因 英, 南 蓝
	LookAlike                    // 未 末
)

func (k Kind) String() string {
	return [...]string{"", "same sound", "same syllable", "near sound", "looks alike"}[k]
}

// Confusion is a character that may stand for another by mistake.
type Confusion struct {
	Rune rune
	Kind Kind
}

// Confusions returns the characters that people or their keyboards put for r, those of the closest kind first. There
// are none for characters outside the 6,763 of GB 2312.
func Confusions(r rune) []Confusion { return loadConfusions()[r] }

// Readings returns the syllables of a character, most usual first, tones as digits: hao3, hao4.
func Readings(r rune) []string { return loadReadings().of[r] }

// reading tables count the first readings of a character alone: the others are rare, and would make anything sound like
// anything.
const usualReadings = 2

type readings struct {
	of       map[rune][]string
	byTone   map[string][]rune // hao3
	bySound  map[string][]rune // hao
	byNearby map[string][]rune // fuzzy(hao)
}

var loadReadings = sync.OnceValue(func() *readings {
	t := &readings{map[rune][]string{}, map[string][]rune{}, map[string][]rune{}, map[string][]rune{}}
	for line := range strings.Lines(readingsText) {
		fields := strings.Fields(line)
		r, _ := utf8.DecodeRuneInString(fields[0])
		t.of[r] = fields[1:]
		for _, reading := range fields[1:min(len(fields), 1+usualReadings)] {
			sound := strings.TrimRight(reading, "12345")
			t.byTone[reading] = append(t.byTone[reading], r)
			t.bySound[sound] = append(t.bySound[sound], r)
			t.byNearby[fuzzy(sound)] = append(t.byNearby[fuzzy(sound)], r)
		}
	}
	return t
})

// fuzzy returns a syllable with the sounds unified that input methods let their users mix: zh z, ch c, sh s, n l, and
// the endings n and ng.
func fuzzy(sound string) string {
	if len(sound) > 1 && sound[1] == 'h' && strings.IndexByte("zcs", sound[0]) >= 0 {
		sound = sound[:1] + sound[2:]
	}
	if sound[0] == 'n' && len(sound) > 1 {
		sound = "l" + sound[1:]
	}
	return strings.TrimSuffix(sound, "g")
}

var loadConfusions = sync.OnceValue(func() map[rune][]Confusion {
	t := loadReadings()
	out := make(map[rune][]Confusion, len(t.of))
	like := map[rune]string{}
	for line := range strings.Lines(lookalikesText) {
		fields := strings.Fields(line)
		r, _ := utf8.DecodeRuneInString(fields[0])
		like[r] = fields[1]
	}
	for r, list := range t.of {
		closest := map[rune]Kind{}
		note := func(others []rune, kind Kind) {
			for _, other := range others {
				if old, ok := closest[other]; other != r && (!ok || kind < old) {
					closest[other] = kind
				}
			}
		}
		for _, reading := range list[:min(len(list), usualReadings)] {
			sound := strings.TrimRight(reading, "12345")
			note(t.byTone[reading], SameSound)
			note(t.bySound[sound], SameSyllable)
			note(t.byNearby[fuzzy(sound)], NearSound)
		}
		note([]rune(like[r]), LookAlike)
		all := make([]Confusion, 0, len(closest))
		for other, kind := range closest {
			all = append(all, Confusion{other, kind})
		}
		slices.SortFunc(all, func(a, b Confusion) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Rune, b.Rune)) })
		out[r] = all
	}
	return out
})
