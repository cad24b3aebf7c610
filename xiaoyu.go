// Package xiaoyu trains and runs small language models for Chinese and English text.
//
// To use a model that exists, two calls suffice:
//
//	m, err := xiaoyu.Open("models/reviews")
//	if err != nil { … }
//	defer m.Close()
//	predictions, err := m.Predict(ctx, "房间很干净", "never again")
//	fmt.Println(predictions[0].Label, predictions[0].Probability)
//
// A [Model] may be used by any number of goroutines. Its weights stay in the file, mapped into memory, so opening one
// takes milliseconds.
//
// To train one, start from a preset, name the data, and call Train:
//
//	config, err := xiaoyu.Preset("cnn")
//	config.Data.Path, config.Data.Text, config.Data.Label = "reviews.csv", "review", "stars"
//	result, err := xiaoyu.Train(ctx, config, xiaoyu.TrainOptions{})
//	fmt.Println(result.Package, result.Report.Accuracy)
//
// The same configuration is the file xiaoyu.yaml of the command line. This package hands on to others, which can be
// used on their own: data (reading, cleaning, splitting), text (tokenizers), model, train, eval, track, serve, explain.
//
// Errors say what was being done, to what, and why it failed; [Way] returns what the user can do about it.
package xiaoyu

import (
	"context"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// Model is an open model package.
type Model struct{ *model.Model }

// Prediction is what a model says of one text: the most probable label, and all probabilities.
type Prediction = model.Prediction

// Open verifies and loads the model package in a folder.
func Open(dir string) (*Model, error) {
	m, err := model.Open(dir)
	if err != nil {
		return nil, err
	}
	return &Model{m}, nil
}

// Predict returns a prediction for each text, in order.
func (m *Model) Predict(ctx context.Context, texts ...string) ([]Prediction, error) {
	return m.Model.Predict(ctx, texts)
}

// Close releases the package's files; no Predict may be under way.
func (m *Model) Close() error { return m.Package.Close() }

// Way returns the way out of an error, in words for a user, or "".
func Way(err error) string { return hint.Way(err) }
