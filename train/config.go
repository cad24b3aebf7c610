package train

import (
	"math"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// Config says how a network is trained: the `train` part of xiaoyu.yaml.
type Config struct {
	Epochs         int               `yaml:"epochs" json:"epochs" doc:"times that the training part is read, at most" default:"10" min:"1" max:"100000"`
	MinSteps       int               `yaml:"min_steps" json:"min_steps,omitempty" doc:"few texts are read more often than epochs says, so that there are at least so many steps; patience grows along" default:"0" min:"0" max:"10000000"`
	BatchSize      int               `yaml:"batch_size" json:"batch_size" doc:"texts of one step" default:"32" min:"1" max:"65536"`
	GroupByLength  bool              `yaml:"group_by_length" json:"group_by_length,omitempty" doc:"texts of about one length share a batch, and batches hold about equal numbers of tokens: faster for recurrent networks" default:"false"`
	Optimizer      string            `yaml:"optimizer" json:"optimizer" doc:"adamw (decoupled weight decay), adam, or sgd with momentum; rows of embeddings that a batch does not use are left alone; dual solves a linear support vector machine by coordinate descent, without a learning rate (ngram); lbfgs finds the best weights of a head alone (train.freeze: all), how strongly it is regularised chosen by cross-validation; prototype gives that head the mean of each class" default:"adamw" enum:"adamw|adam|sgd|dual|lbfgs|prototype"`
	Recipe         string            `yaml:"recipe" json:"recipe,omitempty" doc:"how a pretrained encoder learns a task: full (all of it, by gradients), head (the encoder stays, the head is solved), prototype (the mean of each class), setfit (texts of one label are drawn together first, then the head is solved), selftrain (the head learns from labels as well that it gives texts without labels itself: rows whose label is empty, and distill.texts), cotrain (the same, and n-grams beside the network learn those labels and add what they see), pseudolabel (after cotrain the whole encoder learns the labels that it gave), zeroshot (train.descriptions alone), prompt (a masked language model fills the gap of model.prompt, whose words train.verbalizer names), or auto: by the number of labels a class" default:"auto" enum:"auto|full|head|prototype|setfit|selftrain|cotrain|pseudolabel|zeroshot|prompt"`
	Confidence     float64           `yaml:"confidence" json:"confidence,omitempty" doc:"share of the texts without labels, in each class the surest, whose labels a model believes that it gave them itself (recipes selftrain, cotrain and pseudolabel)" default:"0.7" min:"0" max:"1"`
	Verbalizer     map[string]string `yaml:"verbalizer" json:"verbalizer,omitempty" doc:"the word that stands for a label in the gap, by label, as label=word with semicolons between them; the label itself where none is given (recipe prompt)" default:""`
	Descriptions   map[string]string `yaml:"descriptions" json:"descriptions,omitempty" doc:"what texts of a label are like, by label, as label=words with semicolons between them, | between several of one label: examples beside the labelled ones, and all that recipe zeroshot reads" default:""`
	Cost           float64           `yaml:"cost" json:"cost,omitempty" doc:"what mistakes cost beside large weights (C of a support vector machine; optimizer dual), where there is no validation part; else the epochs double it, from a 16th of it on, and the best one is kept" default:"0.5" min:"0.000001" max:"1000000"`
	LearningRate   float64           `yaml:"learning_rate" json:"learning_rate" doc:"highest learning rate of the schedule" default:"0.001" min:"0" max:"1000"`
	HeadRate       float64           `yaml:"head_rate" json:"head_rate,omitempty" doc:"learning rate of what lies above the layers (the head), as a multiple of learning_rate" default:"1" min:"0.001" max:"1000"`
	LayerDecay     float64           `yaml:"layer_decay" json:"layer_decay,omitempty" doc:"learning rate of each layer as a multiple of that of the one above it; 1 for one rate (encoder, transformer)" default:"1" min:"0.01" max:"1"`
	Freeze         string            `yaml:"freeze" json:"freeze,omitempty" doc:"what does not learn: none, embeddings, a number (the embeddings and so many of the lowest layers), or all (only the head learns) (encoder, transformer)" default:"none"`
	Unfreeze       float64           `yaml:"unfreeze" json:"unfreeze,omitempty" doc:"share of the training over which layers begin to learn one after the other, from the top; 0 for all at once (encoder, transformer)" default:"0" min:"0" max:"1"`
	Reinit         int               `yaml:"reinit" json:"reinit,omitempty" doc:"so many of the highest layers begin with fresh weights (encoder)" default:"0" min:"0" max:"64"`
	LoRA           LoRA              `yaml:"lora" json:"lora,omitzero" doc:"learning by low-rank changes"`
	Bottleneck     Bottleneck        `yaml:"bottleneck" json:"bottleneck,omitzero" doc:"learning by small networks between the parts of layers"`
	WeightDecay    float64           `yaml:"weight_decay" json:"weight_decay" doc:"weight decay of matrices; not of biases and embeddings" default:"0.01" min:"0" max:"10"`
	Momentum       float64           `yaml:"momentum" json:"momentum" doc:"momentum of sgd" default:"0.9" min:"0" max:"1"`
	Schedule       string            `yaml:"schedule" json:"schedule" doc:"course of the learning rate after the warm-up: constant, linear or cosine down to 0, inverse_sqrt (by 1/√step), or one_cycle (up from a 25th over the warm-up and down to 0, both along a cosine)" default:"linear" enum:"constant|linear|cosine|inverse_sqrt|one_cycle"`
	Warmup         float64           `yaml:"warmup" json:"warmup" doc:"share of all steps in which the learning rate rises from 0" default:"0.05" min:"0" max:"1"`
	Clip           float64           `yaml:"clip" json:"clip" doc:"largest norm of the gradient; longer ones are shortened; 0 for no limit" default:"1" min:"0" max:"1000000"`
	Accumulate     int               `yaml:"accumulate" json:"accumulate,omitempty" doc:"batches whose gradients are averaged for one step: a larger batch in the memory of a small one" default:"1" min:"1" max:"1024"`
	Loss           string            `yaml:"loss" json:"loss" doc:"auto (cross_entropy for classes and tokens, mse for numbers, cosent for scored pairs, negatives of the batch for pairs without scores), cross_entropy, focal, hinge (squared, one class against the rest), mse or huber; for scored pairs cosent (only the order of cosines counts), cosine (squared distance to the score) or contrastive (scores 0 and 1)" default:"auto" enum:"auto|cross_entropy|focal|hinge|mse|huber|cosent|cosine|contrastive"`
	HardNegatives  int               `yaml:"hard_negatives" json:"hard_negatives,omitempty" doc:"texts that the encoder takes for most similar to a text although they do not belong to it, looked for before each epoch but the first: so many for each pair beside those of the batch (task embedding, pairs without scores)" default:"0" min:"0" max:"64"`
	NegativeMargin float64           `yaml:"negative_margin" json:"negative_margin,omitempty" doc:"cosine by which a hard negative must be below the pair's own: what is nearer may mean the same" default:"0.05" min:"0" max:"2"`
	Focus          float64           `yaml:"focus" json:"focus,omitempty" doc:"how much less focal loss counts what is right already (γ)" default:"2" min:"0" max:"20"`
	Delta          float64           `yaml:"delta" json:"delta,omitempty" doc:"distance, in deviations of the targets, beyond which huber grows linearly" default:"1" min:"0.0001" max:"1000"`
	RDrop          float64           `yaml:"r_drop" json:"r_drop,omitempty" doc:"weight of the difference between two passes of each batch under different dropout (R-Drop); 0 for one pass" default:"0" min:"0" max:"100"`
	Adversarial    float64           `yaml:"adversarial" json:"adversarial,omitempty" doc:"length of the noise added to the embeddings along the gradient in a second pass (FGM); 0 for none" default:"0" min:"0" max:"100"`
	Average        float64           `yaml:"average" json:"average,omitempty" doc:"decay of the exponential moving average of the weights that is judged and kept, such as 0.999; 0 for the weights themselves" default:"0" min:"0" max:"0.999999"`
	LabelSmoothing float64           `yaml:"label_smoothing" json:"label_smoothing" doc:"share of the target's probability spread over all classes (cross_entropy)" default:"0" min:"0" max:"0.99"`
	ClassWeights   string            `yaml:"class_weights" json:"class_weights" doc:"none, or balanced: rare classes count more, by 1/frequency" default:"none" enum:"none|balanced"`
	Metric         string            `yaml:"metric" json:"metric" doc:"figure on the validation part that picks the best epoch: auto (accuracy of classes, micro F1 of labels and entities, R² of numbers, Spearman's ρ of scored pairs, mean reciprocal rank of others), accuracy, macro_f1 (of classes), loss, or calibrated (loss of classes at the best temperature; auto for optimizer dual)" default:"auto" enum:"auto|accuracy|macro_f1|loss|calibrated"`
	Keep           string            `yaml:"keep" json:"keep,omitempty" doc:"whose epoch's weights are kept: best (by metric), latest (the last epoch whose figure, if that is a share, is within a standard error of the best: a small validation part picks an early one by chance), or auto (latest for a pretrained encoder that learns as a whole, otherwise best)" default:"auto" enum:"auto|best|latest"`
	Folds          int               `yaml:"folds" json:"folds,omitempty" doc:"k-fold cross-validation before the training: figures of k models, each judged on a kth of the training part; 0 for none" default:"0" min:"0" max:"100"`
	Refit          bool              `yaml:"refit" json:"refit,omitempty" doc:"once the best epoch is known, train anew on the training and the validation part together for as many epochs (where there is a test part)" default:"false"`
	Patience       int               `yaml:"patience" json:"patience" doc:"stop after so many epochs without a better figure; 0 to run all" default:"3" min:"0" max:"100000"`
	Seed           uint64            `yaml:"seed" json:"seed" doc:"seed of fresh weights, order of texts, and dropout: same seed, same threads, same model" default:"1"`
	Precision      string            `yaml:"precision" json:"precision,omitempty" doc:"of the factors of matrix products: f32, or bf16, which is several times as fast on processors with matrix tiles (AMX) and slower on others; weights, sums and statistics are f32 in both; auto is bf16 on those processors, else f32" default:"f32" enum:"f32|bf16|auto"`
	Recompute      bool              `yaml:"gradient_checkpointing" json:"gradient_checkpointing,omitempty" doc:"keep only the ends of each layer and compute the rest of it again on the way back: long texts or large batches in a fraction of the memory, for about a third more time; the weights come out the same to the bit (encoder, transformer)" default:"false"`
	Threads        int               `yaml:"threads" json:"threads" doc:"processors used; 0 for all" default:"0" min:"0" max:"1024"`
	Until          int               `yaml:"-" json:"until,omitempty"`       // stop after so many epochs of those planned; 0 for all
	Temperature    float64           `yaml:"-" json:"temperature,omitempty"` // at which a teacher's opinions are compared with the student's; 0 is 1
	Imitation      *Imitation        `yaml:"-" json:"imitation,omitempty"`   // of what is inside a teacher; nil for none
	Checkpoint     int               `yaml:"checkpoint" json:"checkpoint" doc:"seconds between checkpoints, which are also written on interruption, and after an epoch where the last one is 5 seconds old" default:"60" min:"1" max:"86400"`
}

// Stretch adds epochs to reach MinSteps on so many examples, and patience in proportion.
func (c *Config) Stretch(examples int) {
	per := c.BatchSize * max(c.Accumulate, 1)
	steps := max((examples+per-1)/per, 1)
	if least := (c.MinSteps + steps - 1) / steps; least > c.Epochs && c.Optimizer != "dual" {
		c.Patience = (c.Patience*least + c.Epochs - 1) / c.Epochs
		c.Epochs = least
	}
}

// Factors returns the precision of the factors of matrix products.
func (c *Config) Factors() nn.Precision {
	if c.Precision == "bf16" || c.Precision == "auto" && kernel.Tiles() {
		return nn.BF16
	}
	return nn.F32
}

// Rate returns the learning rate of a step, counted from 0, of a training of so many steps.
func (c *Config) Rate(step, steps int) float64 {
	warm := int(math.Round(c.Warmup * float64(steps)))
	if step < warm && c.Schedule == "one_cycle" {
		return c.LearningRate * (1 - 0.48*(1+math.Cos(math.Pi*float64(step+1)/float64(warm))))
	}
	if step < warm {
		return c.LearningRate * float64(step+1) / float64(warm)
	}
	done := float64(step-warm) / float64(max(steps-warm, 1))
	switch c.Schedule {
	case "linear":
		return c.LearningRate * (1 - done)
	case "inverse_sqrt":
		return c.LearningRate * math.Sqrt(float64(max(warm, 1))/float64(max(step+1, warm, 1)))
	case "cosine", "one_cycle":
		return c.LearningRate * 0.5 * (1 + math.Cos(math.Pi*done))
	}
	return c.LearningRate
}

// cost returns what mistakes cost in an epoch, counted from 0: Config.Cost in the middle one.
func (c *Config) cost(epoch int) float64 { return c.costOf(epoch, c.Epochs) }

// costOf returns the i-th of n costs, each twice the one before: Config.Cost in the middle.
func (c *Config) costOf(i, n int) float64 { return c.Cost * math.Pow(2, float64(i-n/2)) }

// classWeights returns the weight of each class in the loss, nil for equal ones. Balanced weights are n/(k·count), as
// scikit-learn computes them.
func (c *Config) classWeights(targets []int32, classes int) []float32 {
	if c.ClassWeights != "balanced" || len(targets) == 0 {
		return nil
	}
	counts := make([]int, classes)
	for _, t := range targets {
		counts[t]++
	}
	weights := make([]float32, classes)
	for i, n := range counts {
		weights[i] = float32(len(targets)) / float32(classes*max(n, 1))
	}
	return weights
}

// lossOf returns what is minimised on a training set.
func (c *Config) lossOf(set *Set, labels int) model.Loss {
	l := model.Loss{Kind: c.Loss, Smoothing: float32(c.LabelSmoothing), Focus: float32(c.Focus), Delta: float32(c.Delta), Temperature: float32(c.Temperature)}
	if l.Kind == "auto" {
		l.Kind = ""
	}
	y := &set.Targets
	switch {
	case len(y.Classes) > 0:
		l.Weights = c.classWeights(y.Classes, labels)
	case y.Tags.Len() > 0:
		l.Weights = c.classWeights(y.Tags.IDs, labels)
	case y.Labels.Len() > 0 && c.ClassWeights == "balanced":
		// The weight of a true label is how many texts lack it for one that has it.
		counts := make([]int, labels)
		for _, t := range y.Labels.IDs {
			counts[t]++
		}
		l.Weights = make([]float32, labels)
		for i, n := range counts {
			l.Weights[i] = min(float32(set.Len()-n)/float32(max(n, 1)), 100)
		}
	}
	return l
}
