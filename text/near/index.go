package near

// Index takes texts one by one and tells of each which earlier one is nearest to it. It keeps a copy of the texts in
// their folded form, so that a stream need not stay in memory, and is bounded: see [Index.Add]. It is for one goroutine.
type Index struct {
	threshold float64
	limit     int
	hash      minhash
	sh, other shingler
	asked     string // the text that set and keys are of
	set       []uint64
	keys      []uint32 // by band

	folded []byte   // of all texts
	ends   []int    // of each text in folded
	marks  []uint32 // of each text the number of the query that last looked at it
	query  uint32

	// A hash table with chains: entry e is band e%bands of text e/bands.
	heads []int32 // last entry of a chain + 1
	next  []int32 // the one before it in its chain + 1
	entry []uint32
}

const (
	// DefaultIndexTexts bounds an Index where nothing else is said: some 300 MB with short texts.
	DefaultIndexTexts = 1 << 20
	indexBackground   = 0.1 // what strangers share; a stream cannot be asked before it came
	indexTexts        = 200_000
	maxChain          = 20_000 // entries of a chain that are looked at
	maxFolded         = 1 << 30
)

// NewIndex returns an empty index for pairs of at least a Jaccard similarity. It takes at most limit texts; 0 means
// [DefaultIndexTexts].
func NewIndex(threshold float64, limit int) *Index {
	if limit <= 0 {
		limit = DefaultIndexTexts
	}
	p := choosePlan(threshold, indexTexts, background{[]float64{indexBackground}, 40})
	return &Index{threshold: threshold, limit: limit, hash: newMinhash(p), keys: make([]uint32, p.bands)}
}

// Len returns how many texts were added: the number of the next one.
func (x *Index) Len() int { return len(x.ends) }

// Nearest returns the number of the most similar of the texts added, and its similarity; −1 where none reaches the
// threshold. Of equally similar ones it is the first.
func (x *Index) Nearest(text string) (number int, similarity float64) {
	number = -1
	x.ask(text)
	if len(x.set) == 0 || len(x.heads) == 0 {
		return number, 0
	}
	x.query++
	for b, key := range x.keys {
		at := x.heads[x.place(b, key)]
		for steps := 0; at != 0 && steps < maxChain; steps++ {
			e := int(at - 1)
			at = x.next[e]
			id := e / x.hash.bands
			if x.entry[e] != key || e%x.hash.bands != b || x.marks[id] == x.query {
				continue
			}
			x.marks[id] = x.query
			least := max(x.threshold, similarity)
			s := jaccard(x.set, x.other.set(x.text(id)), least)
			if s > similarity && s >= x.threshold || s == similarity && s > 0 && id < number {
				number, similarity = id, s
			}
		}
	}
	return number, similarity
}

// Add adds a text. It returns false where the index is full or the text is empty; then nothing is added.
func (x *Index) Add(text string) bool {
	x.ask(text)
	if len(x.set) == 0 || len(x.ends) >= x.limit || len(x.folded) > maxFolded {
		return false
	}
	x.sh.fold(text)
	for _, r := range x.sh.runes {
		x.folded = append(x.folded, string(r)...)
	}
	x.ends, x.marks = append(x.ends, len(x.folded)), append(x.marks, 0)
	x.entry = append(x.entry, x.keys...)
	x.next = append(x.next, make([]int32, len(x.keys))...)
	if len(x.entry) > len(x.heads) {
		x.heads = make([]int32, max(1<<12, 2*len(x.heads)))
		for e := range x.entry {
			x.link(e)
		}
		return true
	}
	for b := range x.keys {
		x.link(len(x.entry) - len(x.keys) + b)
	}
	return true
}

// ask computes set and keys of a text.
func (x *Index) ask(text string) {
	if text == x.asked {
		return
	}
	x.asked = text
	x.set = append(x.set[:0], x.sh.set(text)...)
	x.sh.sketch = x.hash.sketch(x.sh.sketch, x.set)
	for b := range x.keys {
		x.keys[b] = x.hash.key(x.sh.sketch, b)
	}
}

// text returns a text that was added, folded; folding it again changes nothing.
func (x *Index) text(id int) string {
	from := 0
	if id > 0 {
		from = x.ends[id-1]
	}
	return string(x.folded[from:x.ends[id]])
}

func (x *Index) link(e int) {
	at := x.place(e%x.hash.bands, x.entry[e])
	x.next[e], x.heads[at] = x.heads[at], int32(e+1)
}

// place returns the chain of a key.
func (x *Index) place(band int, key uint32) uint64 {
	return mix(uint64(band)<<32|uint64(key)) & uint64(len(x.heads)-1)
}
