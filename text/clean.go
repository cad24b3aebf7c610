package text

import (
	"math"
	"math/bits"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// CleanConfig chooses the steps that change a text before anything else reads it. They belong to a model: what was
// done to its training texts is done to every text that it predicts. The files that it names are read by ReadFiles,
// and travel with the model.
type CleanConfig struct {
	HTML      bool   `yaml:"html" json:"html" doc:"drop HTML tags, scripts and comments, and decode entities such as &amp;" default:"true"`
	Unicode   string `yaml:"unicode" json:"unicode" doc:"Unicode normalisation: none, nfc (composed) or nfkc (compatibility forms unified as well)" default:"nfc" enum:"none|nfc|nfkc"`
	FullWidth bool   `yaml:"full_width" json:"full_width" doc:"turn full-width letters, digits, punctuation and spaces into ASCII" default:"true"`
	Control   bool   `yaml:"control" json:"control" doc:"drop control, zero-width and direction characters" default:"true"`
	URLs      bool   `yaml:"urls" json:"urls" doc:"replace web addresses by a space" default:"true"`
	Emails    string `yaml:"emails" json:"emails,omitempty" doc:"e-mail addresses: keep, drop, or mark (put [EMAIL] in their place)" default:"keep" enum:"keep|drop|mark"`
	Mentions  string `yaml:"mentions" json:"mentions,omitempty" doc:"@name: keep, drop, or mark ([USER])" default:"keep" enum:"keep|drop|mark"`
	Hashtags  string `yaml:"hashtags" json:"hashtags,omitempty" doc:"#tag, and #topic# as Weibo writes it: keep, drop, mark ([TOPIC]), or text (the signs go, the words stay)" default:"keep" enum:"keep|drop|mark|text"`
	Phones    string `yaml:"phones" json:"phones,omitempty" doc:"telephone numbers: keep, drop, or mark ([PHONE])" default:"keep" enum:"keep|drop|mark"`
	Simplify  bool   `yaml:"simplify" json:"simplify,omitempty" doc:"turn traditional Chinese characters into simplified ones, by phrases where a character alone does not decide" default:"false"`
	Repeats   int    `yaml:"repeats" json:"repeats" doc:"cut runs of one character to this length, digits excepted; 0 to leave them" default:"3" min:"0" max:"1000"`

	Spelling           string  `yaml:"spelling" json:"spelling,omitempty" doc:"file of misspellings to replace: wrong, tab, right, and perhaps tab, confidence; xiaoyu data spell proposes one" default:""`
	SpellingConfidence float64 `yaml:"spelling_confidence" json:"spelling_confidence,omitempty" doc:"lines of that file with a lower confidence are left aside" default:"0.9" min:"0" max:"1"`
	StopWords          string  `yaml:"stop_words" json:"stop_words,omitempty" doc:"replace words that say little by a space: none, zh, en or all; negations are no such words" default:"none" enum:"none|zh|en|all"`
	StopWordsFile      string  `yaml:"stop_words_file" json:"stop_words_file,omitempty" doc:"file of stop words of your own, one a line; -word takes one of ours away" default:""`
	Space              bool    `yaml:"space" json:"space" doc:"squeeze white space to one space and trim the ends" default:"true"`

	spelling     *Spelling    // what the file Spelling holds,
	spellingFrom string       // its name when it was read
	stopList     *stopListing // what the file StopWordsFile holds,
	stopListFrom string       // its name when it was read
}

// Changes is the set of steps that changed a text; bit i stands for Steps()[i].
type Changes uint32

// Has tells whether step i changed the text.
func (c Changes) Has(i int) bool { return c&(1<<i) != 0 }

// cleaningStep is one kind of cleaning.
type cleaningStep struct {
	name string
	// need returns the signs without which the step has nothing to do in a text; 0 if the configuration has it off.
	need func(c *CleanConfig) signs
	find func(c *Cleaner, s string) []edit
}

// when returns need if the step is on.
func when(on bool, need signs) signs {
	if on {
		return need
	}
	return 0
}

func wanted(choice string) bool { return choice != "" && choice != "keep" && choice != "none" }

const stepCount = 15

// steps are the cleaning steps in the order in which they run.
var steps = [stepCount]cleaningStep{
	{"encoding", func(*CleanConfig) signs { return signInvalid }, func(_ *Cleaner, s string) []edit { return invalidEdits(s) }},
	{"html", func(c *CleanConfig) signs { return when(c.HTML, signMarkup) }, func(_ *Cleaner, s string) []edit { return htmlEdits(s) }},
	{"unicode", unicodeSigns, func(c *Cleaner, s string) []edit { return unicodeEdits(&c.config, s) }},
	{"full_width", func(c *CleanConfig) signs { return when(c.FullWidth, signWide) }, func(_ *Cleaner, s string) []edit { return widthEdits(s) }},
	{"control", func(c *CleanConfig) signs { return when(c.Control, signUnseen) }, func(_ *Cleaner, s string) []edit { return controlEdits(s) }},
	{"urls", func(c *CleanConfig) signs { return when(c.URLs, signAddress) }, func(_ *Cleaner, s string) []edit { return urlEdits(s) }},
	{"emails", func(c *CleanConfig) signs { return when(wanted(c.Emails), signAt) }, func(c *Cleaner, s string) []edit { return emailEdits(s, mark(c.config.Emails, "[EMAIL]")) }},
	{"mentions", func(c *CleanConfig) signs { return when(wanted(c.Mentions), signAt) }, func(c *Cleaner, s string) []edit { return mentionEdits(s, mark(c.config.Mentions, "[USER]")) }},
	{"hashtags", func(c *CleanConfig) signs { return when(wanted(c.Hashtags), signHash) }, func(c *Cleaner, s string) []edit { return hashtagEdits(s, c.config.Hashtags) }},
	{"phones", func(c *CleanConfig) signs { return when(wanted(c.Phones), signDigit) }, func(c *Cleaner, s string) []edit { return phoneEdits(s, mark(c.config.Phones, "[PHONE]")) }},
	{"simplify", func(c *CleanConfig) signs { return when(c.Simplify, signHan) }, func(_ *Cleaner, s string) []edit { return simplifyEdits(s) }},
	{"repeats", func(c *CleanConfig) signs { return when(c.Repeats > 0, signRun) }, func(c *Cleaner, s string) []edit { return repeatEdits(s, c.config.Repeats) }},
	{"spelling", func(c *CleanConfig) signs { return when(c.spelling != nil, signAny) }, func(c *Cleaner, s string) []edit { return c.spelling.edits(s) }},
	{"stop_words", func(c *CleanConfig) signs { return when(c.hasStopWords(), signAny) }, func(c *Cleaner, s string) []edit { return c.stop.edits(s) }},
	{"space", func(c *CleanConfig) signs { return when(c.Space, signSpace) }, func(_ *Cleaner, s string) []edit { return spaceEdits(s) }},
}

// Steps returns the names of the cleaning steps: the keys of CleanConfig, and first "encoding", which replaces bytes
// that are not UTF-8 by U+FFFD and cannot be turned off.
func Steps() []string {
	names := make([]string, len(steps))
	for i, s := range steps {
		names[i] = s.name
	}
	return names
}

// Cleaner applies the steps of a configuration. It is safe for use by many goroutines.
type Cleaner struct {
	config   CleanConfig
	need     [stepCount]signs
	limit    int // of a run of one character
	spelling *corrector
	stop     *stopper
}

// NewCleaner returns a cleaner. Files that c names must have been read; what ReadFiles did not bring is not applied.
func NewCleaner(c CleanConfig) *Cleaner {
	cleaner := &Cleaner{config: c, limit: math.MaxInt}
	for i, s := range steps {
		cleaner.need[i] = s.need(&c)
	}
	if c.Repeats > 0 {
		cleaner.limit = c.Repeats
	}
	if c.spelling != nil {
		cleaner.spelling = newCorrector(c.spelling.Above(c.SpellingConfidence))
	}
	if c.hasStopWords() {
		cleaner.stop = newStopper(c.StopWords, c.stopList)
	}
	return cleaner
}

// maxRounds bounds how often the steps are repeated: taking out a tag can give another tag.
const maxRounds = 64

// Clean returns s with all steps applied, again and again until nothing changes any more, so that a clean text is
// left alone; and which steps changed it. A text that needs nothing is returned as it is.
func (c *Cleaner) Clean(s string) (string, Changes) {
	changes := c.run(s, func(_ int, edits []edit) string {
		s = applyEdits(s, edits)
		return s
	})
	return s, changes
}

// CleanAligned is Clean with offsets kept.
func (c *Cleaner) CleanAligned(a *Aligned) Changes {
	return c.run(a.Text, func(_ int, edits []edit) string {
		a.apply(edits)
		return a.Text
	})
}

// Stage is what one step did to a text.
type Stage struct {
	Step    string // of Steps
	Changes []Replacement
	Before  string
}

// Replacement is a range of Stage.Before, and what came in its place.
type Replacement struct {
	Span
	With string
}

// Trace tells what each step does to s on its way through Clean, in the order in which it is done. A step that acts in
// several rounds has several stages.
func (c *Cleaner) Trace(s string) []Stage {
	var stages []Stage
	c.run(s, func(i int, edits []edit) string {
		stage := Stage{Step: steps[i].name, Before: s}
		for _, e := range edits {
			stage.Changes = append(stage.Changes, Replacement{Span{e.from, e.to}, e.with})
		}
		stages = append(stages, stage)
		s = applyEdits(s, edits)
		return s
	})
	return stages
}

// run calls apply with the edits of each step until none has any; apply returns the text with the edits made. One walk
// over the text (scan) finds which steps may have something to do, and only those look at it.
func (c *Cleaner) run(s string, apply func(step int, edits []edit) string) Changes {
	due := c.due(s)
	if due == 0 {
		return 0
	}
	var all, idle Changes // idle: looked at the text as it is now and left it
	for range maxRounds {
		for todo := due; todo != 0; {
			i := bits.TrailingZeros32(uint32(todo))
			todo &^= 1 << i
			if idle.Has(i) {
				continue
			}
			edits := steps[i].find(c, s)
			if len(edits) == 0 {
				idle |= 1 << i
				continue
			}
			s = apply(i, edits)
			all |= 1 << i
			idle = 0
			due = c.due(s)
			todo = due &^ (2<<i - 1) // of this round, the steps that follow
		}
		if due&^idle == 0 {
			break
		}
	}
	return all
}

// due returns the steps that may have something to do in s.
func (c *Cleaner) due(s string) (steps Changes) {
	seen := scan(s, c.limit)
	for i, need := range c.need {
		if seen&need != 0 {
			steps |= 1 << i
		}
	}
	return steps
}

// Check reports a value that is none of its key's.
func (c *CleanConfig) Check() error {
	for _, v := range []struct{ key, value, allowed string }{
		{"unicode", c.Unicode, "none nfc nfkc"}, {"emails", c.Emails, "keep drop mark"}, {"mentions", c.Mentions, "keep drop mark"},
		{"hashtags", c.Hashtags, "keep drop mark text"}, {"phones", c.Phones, "keep drop mark"}, {"stop_words", c.StopWords, "none zh en all"},
	} {
		if err := checkChoice("clean."+v.key, v.value, v.allowed); err != nil {
			return err
		}
	}
	if c.Repeats < 0 {
		return hint.Errorf("use 0 or more", "clean.repeats: %d is negative", c.Repeats)
	}
	if c.Spelling != c.spellingFrom || c.StopWordsFile != c.stopListFrom {
		return hint.Errorf("call CleanConfig.ReadFiles first", "cleaning: the files of the configuration were not read")
	}
	return nil
}

// checkChoice reports a value that is none of those allowed; "" is the default.
func checkChoice(key, value, allowed string) error {
	for choice := range strings.FieldsSeq(allowed) {
		if value == choice {
			return nil
		}
	}
	if value == "" {
		return nil
	}
	return hint.Errorf("use one of "+strings.ReplaceAll(allowed, " ", ", "), "%s: unknown value %q", key, value)
}
