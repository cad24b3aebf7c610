package thirdparty

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/track"
)

// TestTensorBoardReadsRuns logs a run that is interrupted and resumed, and has TensorBoard read it.
func TestTensorBoardReadsRuns(t *testing.T) {
	root := t.TempDir()
	run, err := track.Start(root, track.Info{Name: "x"})
	if err != nil {
		t.Fatal(err)
	}
	log := func(from, to int, scale float64) {
		for step := from; step <= to; step++ {
			if err := run.Log(step, 1, map[string]float64{"train/loss": scale / float64(step), "valid/准确率": 0.5}); err != nil {
				t.Fatal(err)
			}
		}
	}
	log(1, 300, 1)
	if err := run.Finish(track.Interrupted, nil, nil); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1100 * time.Millisecond) // the names of event files carry seconds
	if run, err = track.Resume(root, run.ID(), 200); err != nil {
		t.Fatal(err)
	}
	log(201, 400, 2)
	if err := run.Finish(track.Finished, nil, nil); err != nil {
		t.Fatal(err)
	}
	var scalars map[string][][2]float64
	if err := json.Unmarshal([]byte(python(t, "tensorboard_check.py", run.Dir())), &scalars); err != nil {
		t.Fatal(err)
	}
	loss := scalars["train/loss"]
	if len(loss) != 400 || len(scalars["valid/准确率"]) != 400 {
		t.Fatalf("%d and %d points, want 400", len(loss), len(scalars["valid/准确率"]))
	}
	for i, p := range loss {
		want := 1 / float64(i+1)
		if i >= 200 {
			want *= 2
		}
		if p[0] != float64(i+1) || math.Abs(p[1]-want) > 1e-6 {
			t.Fatalf("point %d is %v, want step %d, %v", i, p, i+1, want)
		}
	}
}
