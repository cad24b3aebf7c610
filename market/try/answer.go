package try

// Question is what a model is asked.
type Question struct {
	Text    string `json:"text"`
	Pair    string `json:"pair,omitempty"`    // the second text, for models of pairs; what is asked, for models that answer questions
	Explain bool   `json:"explain,omitempty"` // which words mattered, if that is found out quickly

	Batch []string `json:"batch,omitempty"` // texts that are read at once, in the place of the others: see Session
	Pairs []string `json:"pairs,omitempty"` // the second text of each, for models of pairs
}

// Answer is what a model says; which fields there are depends on its head. Offsets count bytes of the text.
type Answer struct {
	Head  string  `json:"head"` // as `xiaoyu config --explain` has it: class, multilabel, tokens, regression …
	Pair  bool    `json:"pair,omitempty"`
	Milli float64 `json:"milliseconds"` // that the prediction took

	Label     string    `json:"label,omitempty"`
	Labels    []string  `json:"labels,omitempty"` // of several that hold
	Scores    []Score   `json:"scores,omitempty"` // the most probable first
	Score     *float64  `json:"score,omitempty"`  // a number, or how near two texts are
	Entities  []Entity  `json:"entities,omitempty"`
	Answers   []Span    `json:"answers,omitempty"`
	Masks     [][]Score `json:"masks,omitempty"`
	Embedding []float32 `json:"embedding,omitempty"`
	Generated string    `json:"generated,omitempty"`
	Words     []Word    `json:"words,omitempty"`   // which spoke for the label, and against it
	Dropped   int       `json:"dropped,omitempty"` // tokens at the end that the model does not read

	// Of each text of a batch, by the head.
	Batch   [][]float32 `json:"batch,omitempty"`   // probabilities of all labels, in the order of About.Labels
	Hold    [][]int     `json:"hold,omitempty"`    // numbers of the labels that hold, of several
	Found   [][]Named   `json:"found,omitempty"`   // entities, in the order of the text
	Numbers []*float64  `json:"numbers,omitempty"` // a number, or the cosine of a pair
}

// Named is an entity by the number of its type in About.Labels.
type Named struct {
	Start int `json:"start"`
	End   int `json:"end"`
	Label int `json:"label"`
}

// Score is a label with its probability.
type Score struct {
	Label       string  `json:"label"`
	Probability float64 `json:"probability"`
}

// Entity is a stretch of the text that the model has named.
type Entity struct {
	Start       int     `json:"start"`
	End         int     `json:"end"`
	Label       string  `json:"label"`
	Text        string  `json:"text"`
	Probability float64 `json:"probability"`
}

// Span is a stretch of the text that answers a question, by characters; "" says that none does.
type Span struct {
	Text        string  `json:"answer"`
	Start       int     `json:"start"`
	End         int     `json:"end"`
	Probability float64 `json:"probability"`
}

// Word is a part of the text and how much it changed the evidence (log-odds) for the label.
type Word struct {
	Start  int     `json:"start"`
	End    int     `json:"end"`
	Text   string  `json:"text"`
	Weight float64 `json:"weight"`
}

// Reply is a line that a process writes: the first when its model is open, then one for each question, a Question in
// JSON on a line.
type Reply struct {
	Answer *Answer  `json:"answer,omitempty"`
	Error  string   `json:"error,omitempty"`
	Way    string   `json:"way,omitempty"`   // out of the error
	Lacks  []string `json:"lacks,omitempty"` // of the first line: what the system could not keep from the process
	About  *About   `json:"about,omitempty"` // of the first line
}

// About is what a model is.
type About struct {
	Head   string   `json:"head"` // as Answer has it
	Pair   bool     `json:"pair,omitempty"`
	Labels []string `json:"labels,omitempty"` // of entities their types
}
