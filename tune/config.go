package tune

// Config is the `tune` part of xiaoyu.yaml.
type Config struct {
	Space     map[string]string `yaml:"space" json:"space,omitempty" doc:"keys that are searched, and where: log:1e-4..1e-2, 50..200/10, or a list of values; with \" if KEY=A,B\" behind it where a key applies to some values of another alone" default:""`
	Trials    int               `yaml:"trials" json:"trials,omitempty" doc:"trainings in all" default:"50" min:"1" max:"1000000"`
	Minutes   float64           `yaml:"minutes" json:"minutes,omitempty" doc:"time for the search; 0 for no limit" default:"0" min:"0" max:"100000"`
	Sampler   string            `yaml:"sampler" json:"sampler,omitempty" doc:"how settings are proposed: tpe (near those of good trials) or random" default:"tpe" enum:"tpe|random"`
	Pruner    string            `yaml:"pruner" json:"pruner,omitempty" doc:"how trials are ended early: asha (after 2, 6, 18… epochs, unless among the best third by the first objective) or none" default:"asha" enum:"asha|none"`
	Objective []string          `yaml:"objective" json:"objective,omitempty" doc:"what is sought on the validation part: accuracy (the task's main figure: also F1 of labels and entities, R² of numbers), macro_f1, loss; and latency (of a prediction, in ms), size (of the package, in bytes), seconds (of training). Several give the trials that no other one beats in all" default:"accuracy"`
	Parallel  int               `yaml:"parallel" json:"parallel,omitempty" doc:"trials at once; each has its share of the processors" default:"1" min:"1" max:"256"`
}
