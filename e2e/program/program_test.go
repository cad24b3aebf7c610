// Package program runs the programs that `xiaoyu export --to exe` makes: natively, for arm64 under qemu, for Windows
// under wine, where those are; for macOS it reads them.
package program

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/examples"
	"github.com/xiaoyu-slm/xiaoyu/export/program"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// trained is the folder of a small model's package.
func trained(t *testing.T, family string) string {
	t.Helper()
	dir := t.TempDir()
	sample, err := examples.Reviews("zh")
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "reviews.csv")
	if err := os.WriteFile(data, sample, 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := xiaoyu.Preset(family)
	if err != nil {
		t.Fatal(err)
	}
	c.Name, c.Data.Path, c.Out, c.Runs = "small", data, filepath.Join(dir, "small"), filepath.Join(dir, "runs")
	c.Train.Epochs, c.Eval.Bootstrap = 2, 0
	result, err := xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return result.Package
}

var texts = []string{"房间很干净,服务也好", "太吵了,一晚上没睡", "The room was clean", ""}

// answers is what the model itself says of texts, as the programs write it.
func answers(t *testing.T, dir string) []string {
	t.Helper()
	m, err := xiaoyu.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	p, err := m.Predict(context.Background(), texts...)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for i := range p {
		out = append(out, fmt.Sprintf("%s %.4f", p[i].Label, p[i].Probability))
	}
	return out
}

// predicted finds what a line says of its text; other labels' probabilities stand behind "scores".
var predicted = regexp.MustCompile(`(?m)^\{"text":.*?,"label":"([^"]*)","probability":([0-9.e-]+)`)

// run starts a program with texts as its standard input and returns what it says of them.
func run(t *testing.T, command ...string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, command[0], command[1:]...)
	c.Stdin = strings.NewReader(strings.Join(texts, "\n") + "\n")
	var errs bytes.Buffer
	c.Stderr = &errs
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", command, err, errs.Bytes())
	}
	var said []string
	for _, m := range predicted.FindAllStringSubmatch(string(out), -1) {
		var p float64
		if _, err := fmt.Sscan(m[2], &p); err != nil {
			t.Fatal(err)
		}
		said = append(said, fmt.Sprintf("%s %.4f", m[1], p))
	}
	return said
}

// opened opens a package for the time of the test.
func opened(t *testing.T, dir string) *model.Model {
	t.Helper()
	m, err := model.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Package.Close() })
	return m
}

func export(t *testing.T, dir, goos, arch string) *program.Result {
	t.Helper()
	r, err := program.Export(context.Background(), opened(t, dir), filepath.Join(t.TempDir(), "app"), program.Options{Target: program.Target{OS: goos, Arch: arch}})
	if err != nil {
		t.Fatal(err)
	}
	if r.Runner >= 12_000_000 {
		t.Errorf("the runner for %s/%s has %d bytes; programs are to stay under 12 MB beside their model", goos, arch, r.Runner)
	}
	return r
}

func TestAProgramAnswersAsItsModelDoes(t *testing.T) {
	if testing.Short() {
		t.Skip("programs for three machines are built")
	}
	dir := trained(t, "cnn")
	want := strings.Join(answers(t, dir), "\n")
	for _, c := range []struct {
		os, arch string
		with     string // what runs programs for another machine
	}{
		{runtime.GOOS, runtime.GOARCH, ""},
		{"linux", "arm64", "qemu-aarch64"},
		{"windows", "amd64", "wine"}, // of Debian's packages wine and wine64
	} {
		t.Run(c.os+"/"+c.arch, func(t *testing.T) {
			var command []string
			if c.with != "" {
				path, err := exec.LookPath(c.with)
				if err != nil {
					t.Skipf("needs %s, which is not here", c.with)
				}
				if command = []string{path}; c.os == "windows" {
					command = []string{windows(t)}
				}
			}
			r := export(t, dir, c.os, c.arch)
			if got := strings.Join(run(t, append(command, r.Path)...), "\n"); got != want {
				t.Errorf("it says\n%s\nand the model\n%s", got, want)
			}
			verifies(t, r.Path)
			if c.with == "" {
				serves(t, r.Path)
				refusesWhatIsDamaged(t, r.Path)
			}
		})
	}
}

// verifies has `xiaoyu verify` compare the program with the package that it carries.
func verifies(t *testing.T, path string) {
	t.Helper()
	c, err := xiaoyu.Preset("cnn")
	if err != nil {
		t.Fatal(err)
	}
	c.Data.Path, c.Data.Text, c.Data.Label, c.Eval.Bootstrap = filepath.Join(t.TempDir(), "few.csv"), "text", "label", 0
	content := "text,label\n房间很干净,positive\n\"太吵了,\n一晚上没睡\",negative\nThe room was clean,positive\n"
	if err := os.WriteFile(c.Data.Path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	v, err := xiaoyu.VerifyProgram(context.Background(), path, "", nil, c, nil)
	if err != nil {
		t.Fatal(err)
	}
	if v.Texts != 3 || v.Agreement != 1 || v.Difference > 1e-5 || v.Of != "probabilities" || len(v.Export.Figures) == 0 || !strings.HasPrefix(v.Export.Kind, "executable for ") {
		t.Errorf("verified: %+v", v)
	}
}

// serves asks the program over HTTP.
func serves(t *testing.T, path string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, path, "--serve", "--addr", "127.0.0.1:0")
	errs, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer c.Wait()
	defer cancel()
	var address string
	if _, err := fmt.Fscanf(errs, "serving %s", &address); err != nil {
		t.Fatal(err)
	}
	answer, err := http.Post(address+"/v1/predict", "application/json", strings.NewReader(`{"texts": ["房间很干净"]}`))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || !strings.Contains(string(body), `"label"`) {
		t.Errorf("%d %s %v", answer.StatusCode, body, err)
	}
}

func refusesWhatIsDamaged(t *testing.T, path string) {
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	altered := bytes.Clone(whole)
	altered[bytes.LastIndex(altered, []byte(`"id2label"`))+20] ^= 1
	for name, content := range map[string][]byte{"cut short": whole[:len(whole)-1000], "altered": altered} {
		damaged := filepath.Join(t.TempDir(), "damaged")
		if err := os.WriteFile(damaged, content, 0o755); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(damaged, "房间很干净").CombinedOutput()
		if err == nil || !strings.HasPrefix(string(out), "error: ") || !strings.Contains(string(out), "get the") && !strings.Contains(string(out), "get it") {
			t.Errorf("%s: %v: %s", name, err, out)
		}
		if _, err := xiaoyu.VerifyProgram(context.Background(), damaged, "", nil, new(xiaoyu.Config), nil); err == nil {
			t.Errorf("%s: it was verified", name)
		}
	}
}

func TestProgramsForMacOSHoldTheirModel(t *testing.T) {
	if testing.Short() {
		t.Skip("compiling for another machine takes its time")
	}
	dir := trained(t, "ngram")
	for _, arch := range []string{"amd64", "arm64"} {
		export(t, dir, "darwin", arch) // which checks segments and signature of what it made
	}
}

func TestRunnersOfOthersAreRefused(t *testing.T) {
	dir := trained(t, "ngram")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for says, o := range map[string]program.Options{
		"no runner for plan9":  {Target: program.Target{OS: "plan9", Arch: "amd64"}},
		"is no runner":         {Target: program.Targets[0], Runner: self},
		"reading the runner /": {Target: program.Targets[0], Runner: "/nowhere"},
	} {
		out := filepath.Join(t.TempDir(), "app")
		if _, err := program.Export(context.Background(), opened(t, dir), out, o); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%s: a file was left behind", says)
		}
	}
}
