package xiaoyu

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/eval"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/train"
)

// The recipes of train.recipe: how a pretrained encoder learns a task.
const (
	autoRecipe        = "auto"
	fullRecipe        = "full"
	headRecipe        = "head"
	prototypeRecipe   = "prototype"
	setfitRecipe      = "setfit"
	selftrainRecipe   = "selftrain"
	cotrainRecipe     = "cotrain"
	pseudolabelRecipe = "pseudolabel"
	zeroshotRecipe    = "zeroshot"
	promptRecipe      = "prompt"
)

// fewLabels is how many labels a class are few: with fewer, a head over an encoder that stays, or that was drawn towards
// the classes, is better than an encoder that learns as a whole (bench/fewshot).
const fewLabels = 100

// fullKeys are those that somebody sets who wants the encoder to learn.
var fullKeys = []string{"train.epochs", "train.learning_rate", "train.unfreeze", "train.layer_decay", "train.reinit", "train.lora.rank", "train.optimizer", "train.freeze", "train.imitation"}

// chooseRecipe decides how the model learns, and says why, where that is left to it. It sets the keys that follow from the
// recipe. It is asked before each model is built; once it has decided for a configuration, that stands there.
func (t *training) chooseRecipe(ctx context.Context) error {
	c := &t.config
	if t.from != nil {
		return nil // it goes on as it was begun
	}
	asked := c.Train.Recipe
	if err := t.checkRecipe(asked); err != nil {
		return err
	}
	if asked == autoRecipe {
		why := ""
		c.Train.Recipe, why = t.soundRecipe()
		if why != "" {
			t.Note("recipe %s: %s", c.Train.Recipe, why)
		}
	}
	if c.Train.Recipe == promptRecipe {
		return t.preparePrompt()
	}
	if !t.alone() {
		if t.base != nil && t.base.Family == model.EncoderFamily && c.Train.Keep == "auto" {
			c.Train.Keep = "latest"
		}
		return nil
	}
	c.Train.Freeze = "all"
	switch c.Train.Recipe {
	case prototypeRecipe, zeroshotRecipe:
		c.Train.Optimizer = "prototype"
	case setfitRecipe, selftrainRecipe, cotrainRecipe, pseudolabelRecipe:
		c.Train.Optimizer = "lbfgs"
		if c.Model.Pooling == model.AutoPooling && (t.base == nil || t.base.Sentence == nil) {
			c.Model.Pooling = "mean"
		}
		if err := t.readUnlabelled(ctx); err != nil {
			return err
		}
		if c.Train.Recipe == cotrainRecipe || c.Train.Recipe == pseudolabelRecipe {
			if len(t.unlabelled) == 0 {
				return hint.Errorf("add rows whose label is empty, name a file of texts in distill.texts, or set train.recipe to head", "train.recipe: %s needs texts without labels, and there are none", c.Train.Recipe)
			}
			c.Model.Wide = true
		}
	}
	if len(t.set.Parts[data.Test]) > 0 && c.Train.Recipe != zeroshotRecipe {
		t.joinValidation()
	}
	return t.describe()
}

// preparePrompt has a masked language model answer by the gap of a prompt (PET; Schick & Schütze 2021).
func (t *training) preparePrompt() error {
	c := &t.config
	if t.base == nil || t.base.Family != model.EncoderFamily {
		return hint.Errorf("name one with --base, such as a BERT, or choose another recipe", "train.recipe: prompt needs a pretrained network with a masked head")
	}
	c.Model.Pooling = model.MaskPooling
	if c.Model.Prompt == model.AutoPrompt {
		c.Model.Prompt = usualPattern
	}
	for label := range c.Train.Verbalizer {
		if !slices.Contains(t.set.Labels, label) {
			return hint.Errorf("there are "+strings.Join(t.set.Labels[:min(len(t.set.Labels), 10)], ", "), "train.verbalizer: the data has no label %q", label)
		}
	}
	return c.suit(map[string]string{"train.min_steps": "100", "train.epochs": "10", "train.patience": "0"})
}

// usualPattern is a prompt for any language, whose gap a topic or a mood fills.
const usualPattern = "{mask}: {text}"

// verbalize gives the head of recipe prompt the words that stand for labels: those of train.verbalizer, else their names.
func (t *training) verbalize() error {
	if t.config.Train.Recipe != promptRecipe {
		return nil
	}
	words := slices.Clone(t.set.Labels)
	for i, label := range words {
		if word := t.config.Train.Verbalizer[label]; word != "" {
			words[i] = word
		}
	}
	return t.model.SetVerbalizer(words)
}

// alone tells that the recipe asks for a head over an encoder that stays.
func (t *training) alone() bool {
	return slices.Contains([]string{headRecipe, prototypeRecipe, setfitRecipe, selftrainRecipe, cotrainRecipe, pseudolabelRecipe, zeroshotRecipe}, t.config.Train.Recipe)
}

// checkRecipe refuses a recipe that does not go with the rest of the configuration.
func (t *training) checkRecipe(recipe string) error {
	c := &t.config
	plain := recipe == autoRecipe || recipe == fullRecipe || recipe == ""
	switch {
	case plain:
	case c.Model.Base == "":
		return hint.Errorf("name a pretrained encoder with --base, or set train.recipe to full", "train.recipe: %s is for models that start from a pretrained network", recipe)
	case c.Model.Head != model.ClassHead && recipe != headRecipe:
		return hint.Errorf("set train.recipe to head or full", "train.recipe: %s is for task class", recipe)
	case c.Model.Pair:
		return hint.Errorf("set train.recipe to full", "train.recipe: %s is for single texts, and not for pairs", recipe)
	case len(c.Distill.Teacher) > 0:
		return hint.Errorf("set train.recipe to full", "train.recipe: %s learns from labels, and not from a teacher", recipe)
	case c.Train.LoRA.Rank > 0 || c.Train.Unfreeze > 0 || c.Train.Freeze != "all" && c.Train.Freeze != "none":
		return hint.Errorf("leave out train.lora, train.unfreeze and train.freeze", "train.recipe: %s says itself what learns", recipe)
	}
	if recipe == zeroshotRecipe && len(c.Train.Descriptions) < len(t.set.Labels) {
		return hint.Errorf("write train.descriptions: {LABEL: words, …}", "train.recipe: zeroshot needs a description of each of the %d labels, there are %d", len(t.set.Labels), len(c.Train.Descriptions))
	}
	if recipe == fullRecipe && len(c.Distill.Texts) > 0 && len(c.Distill.Teacher) == 0 {
		return hint.Errorf("name one in distill.teacher", "distill.texts: there is no teacher to label them, and recipe full does not label them itself")
	}
	return nil
}

// soundRecipe chooses by what there is to learn from; why is empty where there was no choice.
func (t *training) soundRecipe() (recipe, why string) {
	c := &t.config
	if c.Train.Freeze == "all" && c.Train.Unfreeze == 0 && c.Model.Base != "" && !c.Model.Pair && len(c.Distill.Teacher) == 0 && !t.soft() {
		return headRecipe, ""
	}
	if t.base == nil || t.base.Sentence == nil || c.Model.Head != model.ClassHead || c.Model.Pair || len(c.Distill.Teacher) > 0 || c.Pretrain.Objective != "" && len(c.Pretrain.Texts) > 0 || t.soft() {
		return fullRecipe, ""
	}
	n, k := t.labelsPerClass(), len(t.set.Labels)
	for _, key := range fullKeys {
		if slices.Contains(c.chosen, key) {
			return fullRecipe, fmt.Sprintf("%d labels a class, and %s is set", n, key)
		}
	}
	texts := len(t.set.Unlabelled)
	switch {
	case n >= fewLabels:
		return fullRecipe, fmt.Sprintf("%d labels a class (the median of %d) are enough for the whole encoder to learn; train.recipe: head takes seconds", n, k)
	case (texts > 0 || len(c.Distill.Texts) > 0) && slices.Contains(c.chosen, "model.wide") && !c.Model.Wide:
		return selftrainRecipe, fmt.Sprintf("%d labels a class (the median of %d) are few, and there are texts without labels: the encoder stays, and the head learns from labels that it gives itself too", n, k)
	case texts > 0 || len(c.Distill.Texts) > 0:
		return cotrainRecipe, fmt.Sprintf("%d labels a class (the median of %d) are few, and there are texts without labels: the encoder stays, a head gives them labels, and n-grams beside it learn from these; train.recipe: pseudolabel then teaches the whole encoder, in minutes, and selftrain leaves the n-grams out", n, k)
	}
	return setfitRecipe, fmt.Sprintf("%d labels a class (the median of %d) are few: texts of one label are drawn together, then the head is solved; texts without labels (distill.texts) would help", n, k)
}

// soft tells that labels are probabilities.
func (t *training) soft() bool {
	return slices.ContainsFunc(t.set.Parts[data.Train], func(r data.Row) bool { return r.Opinion != nil })
}

// labelsPerClass is the median number of labelled texts of a class, those of the validation part included.
func (t *training) labelsPerClass() int {
	counts := make([]int, len(t.set.Labels))
	for _, side := range []data.Side{data.Train, data.Validation} {
		for _, r := range t.set.Parts[side] {
			counts[r.Class]++
		}
	}
	slices.Sort(counts)
	return counts[len(counts)/2]
}

// joinValidation lets the validation part be learnt from: a head that is solved chooses by cross-validation.
func (t *training) joinValidation() {
	parts := &t.set.Parts
	parts[data.Train] = slices.Concat(parts[data.Train], parts[data.Validation])
	parts[data.Validation] = nil
}

// describe makes examples of the descriptions of labels: of recipe zeroshot, the only ones.
func (t *training) describe() error {
	c := &t.config.Train
	if len(c.Descriptions) == 0 || t.described {
		return nil
	}
	t.described = true
	var rows []data.Row
	for class, label := range t.set.Labels {
		for _, words := range strings.Split(c.Descriptions[label], "|") {
			if words = strings.TrimSpace(words); words != "" {
				rows = append(rows, data.Row{Text: words, Class: class})
			} else if c.Recipe == zeroshotRecipe {
				return hint.Errorf("write train.descriptions: {LABEL: words, …}", "train.descriptions: the label %q has none", label)
			}
		}
	}
	for label := range c.Descriptions {
		if !slices.Contains(t.set.Labels, label) {
			return hint.Errorf("there are "+strings.Join(t.set.Labels[:min(len(t.set.Labels), 10)], ", "), "train.descriptions: the data has no label %q", label)
		}
	}
	if c.Recipe == zeroshotRecipe {
		t.set.Parts[data.Train] = rows
		return nil
	}
	t.set.Parts[data.Train] = append(slices.Clip(t.set.Parts[data.Train]), rows...)
	return nil
}

// enoughOwn is from how many rows without a label on the model labels these alone by itself, and not texts from elsewhere as
// well, among which the classes may have other shares: those of all texts are what groups and thresholds come to.
const enoughOwn = 1000

// readUnlabelled collects the texts without labels that the model will label itself, and those from elsewhere that a pupil
// learns from beside them.
func (t *training) readUnlabelled(ctx context.Context) error {
	if t.unlabelled != nil || len(t.set.Unlabelled) == 0 && len(t.config.Distill.Texts) == 0 {
		return nil
	}
	own, elsewhere, err := t.unlabelledTexts(ctx)
	if err != nil {
		return err
	}
	t.unlabelled, t.elsewhere = own, elsewhere
	if len(own) < enoughOwn {
		t.unlabelled, t.elsewhere = slices.Concat(own, elsewhere), nil
	}
	t.Note("%d texts without labels to learn from", len(t.unlabelled))
	if n := len(t.elsewhere); n > 0 && t.config.Train.Recipe != pseudolabelRecipe {
		t.elsewhere = nil
		t.Note("the %d texts of distill.texts are left out: the rows without a label are enough, and show how many texts a class has; train.recipe: pseudolabel learns from those too", n)
	}
	if n := len(t.unlabelled); n > mostUnlabelled {
		t.unlabelled = subset(t.unlabelled, mostUnlabelled, t.config.Train.Seed)
		t.Note("of these, %d are drawn", mostUnlabelled)
	}
	if len(t.elsewhere) > mostUnlabelled {
		t.elsewhere = subset(t.elsewhere, mostUnlabelled, t.config.Train.Seed)
	}
	return nil
}

// mostForCurve bounds the labels of which a head is solved many times to tell what more would bring.
const mostForCurve = 2000

// noteMoreLabels tells what more labels would bring, where there are few and a head is solved: heads that learn from parts of
// the labels are judged on the others.
func (t *training) noteMoreLabels(ctx context.Context) error {
	n := len(t.set.Parts[data.Train])
	if !slices.Contains([]string{headRecipe, selftrainRecipe, cotrainRecipe, pseudolabelRecipe}, t.config.Train.Recipe) || t.config.Model.Head != model.ClassHead || n > mostForCurve || t.labelsPerClass() >= fewLabels {
		return nil
	}
	points, err := t.trainer.Curve(ctx)
	if err != nil || len(points) == 0 {
		return err
	}
	curve := eval.NewLearningCurve(eval.Figure{Key: "accuracy", Name: "accuracy", NameZH: "准确率"}, n, points)
	t.Note("more labels: %s", curve.Advice(n))
	return nil
}

// mostUnlabelled bounds the texts without labels, which are compared all with all.
const mostUnlabelled = 20_000

// contrastFile is where the first half of recipe setfit is kept, beside the checkpoint of the whole.
func contrastFile(checkpoint string) string {
	return strings.TrimSuffix(checkpoint, ".safetensors") + "-encoder.safetensors"
}

// contrast draws texts of one label together before the head is solved: the contrastive half of SetFit (Tunstall et al.
// 2022, "Efficient Few-Shot Learning Without Prompts"), with the other classes' texts of the batch as negatives.
func (t *training) contrast(ctx context.Context, checkpoint string) error {
	if t.config.Train.Recipe != setfitRecipe {
		return nil
	}
	pairs, err := t.pairsModel(ctx)
	if err != nil {
		return err
	}
	settings := t.config.Train
	settings.Freeze, settings.Optimizer, settings.Epochs, settings.BatchSize, settings.MinSteps, settings.Loss = "none", "adamw", 1, contrastBatch, 0, "auto"
	settings.LearningRate, settings.Schedule, settings.Warmup, settings.Patience, settings.GroupByLength = contrastRate, "linear", 0.1, 0, false
	set := contrastPairs(pairs, t.set.Parts[data.Train], len(t.set.Labels), settings.Seed)
	if err := t.aside(ctx, pairs, set, settings, "contrast", contrastFile(checkpoint)); err != nil {
		if errors.Is(err, context.Canceled) {
			err = errors.Join(err, t.trainer.Save(checkpoint))
		}
		return err
	}
	if err := t.model.Inherit(pairs); err != nil {
		return err
	}
	return t.embedSets(ctx)
}

// aside trains a model that is a part of this training, shows it as a stage, and keeps it in path, from which it goes on if it
// is there: what comes after it is resumed from there.
func (t *training) aside(ctx context.Context, m *model.Model, set *train.Set, settings train.Config, stage, path string) error {
	tr, err := train.New(m, set, &train.Set{}, settings)
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err == nil {
		if err := tr.Restore(path); err != nil {
			return err
		}
	}
	t.Stage(stage, int64(tr.StepsPerEpoch()*settings.Epochs), "steps")
	saved := time.Now()
	for event, err := range tr.Run(ctx) {
		if err != nil {
			if errors.Is(err, context.Canceled) {
				err = errors.Join(err, tr.Save(path))
			}
			return err
		}
		s := event.Step
		if s == nil {
			continue
		}
		t.Progress(int64(s.Step), fmt.Sprintf("loss %.3f", s.Loss))
		if time.Since(saved) > time.Duration(t.config.Train.Checkpoint)*time.Second {
			if err := tr.Save(path); err != nil {
				return err
			}
			saved = time.Now()
		}
	}
	if err := tr.Save(path); err != nil {
		return err
	}
	tr.Finish()
	return nil
}

const (
	contrastBatch = 16   // pairs of a step
	contrastRate  = 2e-5 // as SetFit has it
	// contrastEach is how many pairs a text begins, within least and most steps of all.
	contrastEach                = 10
	leastContrast, mostContrast = 60, 400
)

// pairsModel is the base with a head that compares texts.
func (t *training) pairsModel(ctx context.Context) (*model.Model, error) {
	base, err := t.openBase(ctx)
	if err != nil {
		return nil, err
	}
	defer base.Package.Close()
	c := t.model.Config
	c.Head, c.Pair, c.Normalize = model.EmbeddingHead, true, false
	base.Config.Pooling = t.model.Config.Pooling
	return model.Adapt(base, c, t.config.Data.Clean, nil, t.config.Train.Seed, nil)
}

// contrastPairs draws pairs of texts of one class, of all classes alike.
func contrastPairs(m *model.Model, rows []data.Row, classes int, seed uint64) *train.Set {
	by := make([][]data.Row, classes)
	for _, r := range rows {
		by[r.Class] = append(by[r.Class], r)
	}
	by = slices.DeleteFunc(by, func(rows []data.Row) bool { return len(rows) == 0 })
	steps := min(max(len(rows)*contrastEach/contrastBatch, leastContrast), mostContrast)
	draw := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	set := &train.Set{}
	var e model.Sample
	for i := range steps * contrastBatch {
		members := by[i%len(by)]
		a := draw.IntN(len(members))
		b := a
		if len(members) > 1 { // a lone text is compared with itself under another dropout
			b = (a + 1 + draw.IntN(len(members)-1)) % len(members)
		}
		m.Encode(&set.Input, &e, members[a].Text, members[b].Text)
		set.Targets.Groups.Append([]int32{int32(members[a].Class), int32(members[a].Class)})
		set.Add()
	}
	return set
}

// embedSets runs the texts through an encoder that has changed.
func (t *training) embedSets(ctx context.Context) error {
	for _, set := range t.sets {
		if set == nil || set.Len() == 0 {
			continue
		}
		if err := t.embedSet(ctx, set); err != nil {
			return err
		}
	}
	return nil
}
