package xiaoyu

import (
	"encoding/json"

	"github.com/xiaoyu-slm/xiaoyu/eval"
)

// Result is what a training brought.
type Result struct {
	Package    string           // folder of the model
	ReportFile string           // the report as a web page
	Digest     string           // of the package
	Run        string           // ID of its record
	Report     *eval.Report     // on the test part, or on the validation part where there is no test part
	Folds      *CrossValidation // with train.folds, else nil
	Taught     *Taught          // with a teacher, else nil
	Continued  *Continued       // with continue.model, else nil
	Recipe     string           // of train.recipe, as it was chosen
	Seconds    float64          // that all of it took
}

// summary is what the list of runs shows.
func (r *Result) summary() map[string]float64 {
	values := map[string]float64{"seconds": r.Seconds, "main": r.Report.Main().Value}
	for _, f := range r.Report.Figures() {
		values[f.Key] = f.Value
	}
	if r.Folds != nil {
		values["cv_mean"], values["cv_deviation"] = r.Folds.Mean, r.Folds.Deviation
	}
	if r.Continued != nil {
		values["old_before"], values["old_after"] = r.Continued.Old.Before, r.Continued.Old.After
	}
	return values
}

// MarshalJSON writes the result for programs.
func (r *Result) MarshalJSON() ([]byte, error) {
	m := map[string]any{"package": r.Package, "digest": r.Digest, "run": r.Run, "report": r.ReportFile, "seconds": r.Seconds, "metrics": r.Report}
	if r.Folds != nil {
		m["cross_validation"] = r.Folds
	}
	if r.Taught != nil {
		m["taught"] = r.Taught
	}
	if r.Continued != nil {
		m["continued"] = r.Continued
	}
	if r.Recipe != "" {
		m["recipe"] = r.Recipe
	}
	return json.Marshal(m)
}
