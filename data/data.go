// Package data reads, cleans, splits and writes examples: texts with labels.
//
// Everything streams. A [Reader] yields examples one by one from CSV, TSV, JSON, JSON lines, XLSX, Parquet, CoNLL columns
// or a folder of texts, compressed or not, in the encodings that Chinese files come in; a [Pass] cleans them as they go by; [Side] tells on which side of the split a
// text lies. A file of any size needs the memory of its longest record.
//
//	r, err := data.Open(ctx, "reviews.csv", data.Columns{Text: "review", Label: "stars"})
//	defer r.Close()
//	for example, err := range r.All() {
//		…
//	}
//
// [Load] does all of it and returns the parts of a data set in memory, which is what training needs.
//
// Package data knows nothing of models; cleaning a text itself is package text's work.
package data

import "github.com/xiaoyu-slm/xiaoyu/text"

// Example is one text and what is known about it.
type Example struct {
	Text  string
	Pair  string // second text, of pair tasks; "" otherwise
	Third string // text that does not belong to the first, see Columns.Negative; "" otherwise
	Label string // "" where there is none; several are joined by Columns.Separator
	Line  int    // of the file it came from, counted from 1; of spreadsheets and Parquet the row (see Reader.Place)

	Entities []Entity // labelled stretches of Text, where the file has them
	Answers  []string // what answers the question Pair about Text, where the file has such; Entities are their places

	Probabilities map[string]float64 // soft labels, see soft.go; nil for none
	Group         string             // what must stay on one side of the split
	Time          string             // when it was written
	Slices        []string           // values of Columns.Slices
	spans         string             // entities as a cell of a table has them, until they are checked
}

// Columns says where in a record text and label are: by name, by number from 1, or in JSON by a path such as
// "review.body". It is the part of the configuration that `--text` and its like set.
type Columns struct {
	Text      string   `yaml:"text" json:"text" doc:"column of the text: a name, or a number from 1 in files without a header" default:"text"`
	Label     string   `yaml:"label" json:"label" doc:"column of the label" default:"label"`
	Pair      string   `yaml:"pair" json:"pair,omitempty" doc:"column of a second text, for tasks on pairs" default:""`
	Negative  string   `yaml:"negative" json:"negative,omitempty" doc:"column of a third text, which is like the first but does not belong to it (task embedding, pairs without scores)" default:""`
	Separator string   `yaml:"separator" json:"separator,omitempty" doc:"what stands between the labels of one text (task multilabel)" default:"|"`
	Group     string   `yaml:"group" json:"group,omitempty" doc:"column of what must not be split, such as the author: all its rows are on one side" default:""`
	Time      string   `yaml:"time" json:"time,omitempty" doc:"column of a date or number: with split.by time, the latest rows are the test part" default:""`
	Slices    []string `yaml:"slices" json:"slices,omitempty" doc:"columns by whose values the figures are told apart as well" default:""`
	Format    string   `yaml:"format" json:"format,omitempty" doc:"auto, or what the file is if detection errs: csv (with any delimiter), jsonl (an object a line), json (a list of objects), xlsx, parquet, conll (a token and its tag a line), lines (plain text, a text a line, without columns), folder (of .txt files, the label is the name of the subfolder)" default:"auto" enum:"auto|csv|jsonl|json|xlsx|parquet|conll|lines|folder"`
	Part      string   `yaml:"part" json:"part,omitempty" doc:"what to read of a file that holds several: the sheet of a spreadsheet, by name or number; the path of the list in JSON; the file in an archive" default:""`
	Encoding  string   `yaml:"encoding" json:"encoding,omitempty" doc:"auto, or the file's encoding: utf-8, gb18030, big5, utf-16le, utf-16be, windows-1252" default:"auto" enum:"auto|utf-8|gb18030|big5|utf-16le|utf-16be|windows-1252"`
	Delimiter string   `yaml:"delimiter" json:"delimiter,omitempty" doc:"auto, or the character between columns (tab for a tab)" default:"auto"`
	Quotes    string   `yaml:"quotes" json:"quotes,omitempty" doc:"whether quotation marks group in tables: auto, yes (as RFC 4180 has it) or no (they are characters like others)" default:"auto" enum:"auto|yes|no"`
	Header    string   `yaml:"header" json:"header,omitempty" doc:"whether the first row names the columns: auto (yes, unless columns are given by number), yes or no" default:"auto" enum:"auto|yes|no"`
	Invalid   string   `yaml:"invalid" json:"invalid,omitempty" doc:"what to do with bytes that the encoding does not know: refuse the file, or replace them by U+FFFD" default:"refuse" enum:"refuse|replace"`
}

// Config is the `data` part of xiaoyu.yaml.
type Config struct {
	Path  string `yaml:"path" json:"path" doc:"examples: CSV, TSV, JSON, JSON lines, XLSX, Parquet or CoNLL columns, also as .gz, .zst or .zip, or a folder of .txt; - for standard input" default:""`
	Test  string `yaml:"test_path" json:"test_path,omitempty" doc:"file of test examples, where the data has a split of its own; then path is for training alone" default:""`
	Valid string `yaml:"validation_path" json:"validation_path,omitempty" doc:"file of validation examples, where the data has such a part; then none is taken from path" default:""`
	Task  string `yaml:"-" json:"-"` // what the labels are, see Tasks; "" is "class"

	Soft    bool     `yaml:"soft" json:"soft,omitempty" doc:"learn the probabilities that rows of JSON lines have (key probabilities, as xiaoyu data label writes them) in the place of their labels (tasks class and multilabel)" default:"false"`
	Known   []string `yaml:"-" json:"-"` // labels that have the first numbers, in this order, whether or not a row has them
	Columns `yaml:",inline"`
	Clean   text.CleanConfig `yaml:"clean" json:"clean" doc:"steps that change a text; the model remembers them and does the same to what it predicts"`
	Rows    Rows             `yaml:"rows" json:"rows" doc:"steps that drop rows"`
	Split   Split            `yaml:"split" json:"split" doc:"which rows are for training, validation and test"`
}

// The tasks: what the label of a text is.
const (
	Classes    = "class"      // one of several labels
	MultiLabel = "multilabel" // any number of labels
	Scores     = "regression" // a number
	Tags       = "tokens"     // labelled stretches of the text
	Similarity = "embedding"  // how similar two texts are, a number; no label where those of each row belong together
	Answers    = "qa"         // the stretch of the text that answers a question about it, the second text; or that there is none
)

// Rows chooses the cleaning steps that drop examples.
type Rows struct {
	Duplicates  bool     `yaml:"duplicates" json:"duplicates" doc:"drop texts that are equal to an earlier one after cleaning" default:"true"`
	NearDoubles float64  `yaml:"near_duplicates" json:"near_duplicates,omitempty" doc:"drop texts that are nearly equal to an earlier one: least similarity (Jaccard, of short runs of characters), such as 0.8; 0 for off" default:"0" min:"0" max:"1"`
	Empty       bool     `yaml:"empty" json:"empty" doc:"drop empty texts" default:"true"`
	Unlabelled  bool     `yaml:"unlabelled" json:"unlabelled" doc:"drop rows without a label" default:"true"`
	MinChars    int      `yaml:"min_chars" json:"min_chars" doc:"drop shorter texts, in characters; 0 for no limit" default:"0" min:"0" max:"1000000000"`
	MaxChars    int      `yaml:"max_chars" json:"max_chars" doc:"cut longer texts, in characters; 0 for no limit" default:"20000" min:"0" max:"1000000000"`
	Languages   []string `yaml:"languages" json:"languages,omitempty" doc:"keep texts in these languages alone: codes such as zh, en; a text without letters stays; empty for all" default:""`
	MaxSymbols  float64  `yaml:"max_symbols" json:"max_symbols,omitempty" doc:"drop texts with a larger share of characters that are neither letters, digits nor white space, such as 0.5; 0 for no limit" default:"0" min:"0" max:"1"`
	DropLong    bool     `yaml:"drop_long" json:"drop_long" doc:"drop texts above max_chars instead of cutting them" default:"false"`
}

// wantedColumn is a column that is read, and the flag that names it.
type wantedColumn struct{ flag, column string }

// wanted returns the columns to read; Example.wanted has their places in the same order.
func (c *Columns) wanted() []wantedColumn {
	list := []wantedColumn{{"text", c.Text}, {"pair", c.Pair}, {"negative", c.Negative}, {"label", c.Label}, {"group", c.Group}, {"time", c.Time}}
	for _, s := range c.Slices {
		list = append(list, wantedColumn{"slices", s})
	}
	return list
}

func (e *Example) wanted(c *Columns) []*string {
	list := []*string{&e.Text, &e.Pair, &e.Third, &e.Label, &e.Group, &e.Time}
	if e.Slices == nil && len(c.Slices) > 0 {
		e.Slices = make([]string, len(c.Slices))
	}
	for i := range e.Slices {
		list = append(list, &e.Slices[i])
	}
	return list
}
