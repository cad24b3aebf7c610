package track

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

func start(t *testing.T, root string) *Run {
	t.Helper()
	r, err := Start(root, Info{Name: "reviews", Command: []string{"xiaoyu", "train"}, Parameters: map[string]int{"epochs": 3}, Data: map[string]string{"a.csv": "sha256:1"}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWhatIsLoggedIsRead(t *testing.T) {
	root := t.TempDir()
	r := start(t, root)
	for step := 1; step <= 5; step++ {
		if err := r.Log(step, 1, map[string]float64{"train/loss": 1 / float64(step), "bad": math.NaN()}); err != nil {
			t.Fatal(err)
		}
	}
	r.Artefact("models/x", "sha256:2")
	if err := r.Finish(Finished, map[string]float64{"accuracy": 0.9}, nil); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{r.ID(), r.ID()[:10], "last"} {
		info, err := Load(root, id)
		if err != nil || info.Status != Finished || info.Summary["accuracy"] != 0.9 || info.Step != 5 || info.Artefacts["models/x"] == "" {
			t.Fatalf("%s: %+v, %v", id, info, err)
		}
	}
	series, err := Metrics(root, "last")
	if err != nil || len(series) != 1 || series[0].Name != "train/loss" || len(series[0].Steps) != 5 || series[0].Values[4] != 0.2 {
		t.Errorf("%+v, %v", series, err)
	}
}

func TestAnInterruptedRunGoesOnAfterItsCheckpoint(t *testing.T) {
	root := t.TempDir()
	r := start(t, root)
	for step := 1; step <= 10; step++ {
		if err := r.Log(step, 1, map[string]float64{"loss": float64(step)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	// As a kill leaves it: half a line.
	f, err := os.OpenFile(filepath.Join(r.Dir(), metricsFile), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"step":11,"val`); err != nil {
		t.Fatal(err)
	}
	f.Close()
	again, err := Resume(root, "last", 6)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Log(7, 1, map[string]float64{"loss": 70}); err != nil {
		t.Fatal(err)
	}
	if err := again.Finish(Finished, nil, nil); err != nil {
		t.Fatal(err)
	}
	series, err := Metrics(root, "last")
	if err != nil || len(series[0].Steps) != 7 || series[0].Values[6] != 70 {
		t.Errorf("%+v, %v", series, err)
	}
	if info, err := Load(root, "last"); err != nil || info.Resumed != 1 {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestADeadProcessIsNotRunning(t *testing.T) {
	root := t.TempDir()
	r := start(t, root)
	if info, err := Load(root, "last"); err != nil || info.Status != Running {
		t.Fatalf("%+v, %v", info, err)
	}
	r.info.PID = 1 << 22 // beyond any process number
	if err := r.save(); err != nil {
		t.Fatal(err)
	}
	if info, err := Load(root, "last"); err != nil || info.Status != Interrupted {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestListSortsAndNamesWhatIsDamaged(t *testing.T) {
	root := t.TempDir()
	defer func(f func() time.Time) { now = f }(now)
	var ids []string
	for i := range 3 {
		now = func() time.Time { return time.Date(2026, 1, 2+i, 3, 4, 5, 0, time.UTC) }
		r := start(t, root)
		ids = append(ids, r.ID())
		if err := r.Finish(Finished, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string]string{"broken": "{", "20260101-030405.000-abcd": "", "another folder": ""} {
		if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if content != "" {
			if err := os.WriteFile(filepath.Join(root, name, infoFile), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	list, err := List(root)
	if err != nil || len(list) != 5 {
		t.Fatalf("%v, %v", list, err)
	}
	if list[0].ID != "20260101-030405.000-abcd" && list[0].ID != "broken" || list[0].Status != Damaged || list[0].Error == "" || list[2].ID != ids[2] {
		t.Errorf("%v", list)
	}
	for _, id := range []string{"broken", "20260101-030405.000-abcd"} {
		if err := Delete(root, id); err != nil {
			t.Errorf("deleting a damaged run: %v", err)
		}
	}
	if err := Delete(root, ids[0]); err != nil {
		t.Error(err)
	}
	if list, _ := List(root); len(list) != 2 {
		t.Errorf("%d runs after deleting one", len(list))
	}
	if list, err := List(filepath.Join(root, "nothing")); err != nil || len(list) != 0 {
		t.Errorf("a folder that is not there: %v, %v", list, err)
	}
}

func TestRunsThatAreNotThereAreExplained(t *testing.T) {
	root := t.TempDir()
	start(t, root)
	start(t, root)
	for _, id := range []string{"nope", "", "..", "a/b", "20"} {
		if _, err := Load(root, id); err == nil || hint.Way(err) == "" {
			t.Errorf("%q: %v", id, err)
		}
	}
	if os.Getuid() != 0 { // root may write anywhere
		locked := filepath.Join(root, "locked")
		if err := os.Mkdir(locked, 0o555); err != nil {
			t.Fatal(err)
		}
		if _, err := Start(locked, Info{}); err == nil || hint.Way(err) == "" {
			t.Errorf("a read-only folder: %v", err)
		}
	}
	file := filepath.Join(root, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(file, Info{}); err == nil || hint.Way(err) == "" {
		t.Errorf("a file in place of the folder: %v", err)
	}
}

func TestManyGoroutinesMayLog(t *testing.T) {
	root := t.TempDir()
	r := start(t, root)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 50 {
				if err := r.Log(i, 1, map[string]float64{strings.Repeat("x", g+1): float64(i)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := r.Finish(Finished, nil, nil); err != nil {
		t.Fatal(err)
	}
	series, err := Metrics(root, "last")
	if err != nil || len(series) != 8 || len(series[3].Steps) != 50 {
		t.Errorf("%d series, %v", len(series), err)
	}
}

// TestEventFilesAreFramed reads the frames back; that TensorBoard reads them is checked with TensorBoard itself.
func TestEventFilesAreFramed(t *testing.T) {
	dir := t.TempDir()
	w, err := newEventWriter(dir, time.Unix(1000, 0), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.scalars(time.Unix(1001, 0), 300, map[string]float64{"a": 1.5}); err != nil {
		t.Fatal(err)
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	names, _ := filepath.Glob(filepath.Join(dir, "events.out.tfevents.*"))
	data, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	frames := 0
	for len(data) > 0 {
		n := int(binary.LittleEndian.Uint64(data))
		if binary.LittleEndian.Uint32(data[8:]) != maskedCRC(data[:8]) || binary.LittleEndian.Uint32(data[12+n:]) != maskedCRC(data[12:12+n]) {
			t.Fatal("a checksum is wrong")
		}
		data = data[16+n:]
		frames++
	}
	if frames != 2 {
		t.Errorf("%d frames, want 2", frames)
	}
}
