// Package runs is what the measuring commands have in common: how they begin and are interrupted, lists of seeds and
// settings, results that are kept, means.
package runs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/conf"
)

// Main reads the command line and runs; Ctrl-C ends ctx. An error is printed, and ends the program.
func Main(run func(ctx context.Context) error) {
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// Seeds is a flag: whole numbers, separated by commas.
type Seeds []uint64

// Set reads what was given.
func (s *Seeds) Set(list string) error {
	*s = nil
	for word := range strings.SplitSeq(list, ",") {
		seed, err := strconv.ParseUint(word, 10, 64)
		if err != nil {
			return fmt.Errorf("%q is no whole number", word)
		}
		*s = append(*s, seed)
	}
	return nil
}

func (s *Seeds) String() string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint([]uint64(*s)), " ", ","), "[]")
}

// Words is a flag: words, separated by commas.
type Words []string

// Set reads what was given; nothing is no word.
func (w *Words) Set(list string) error {
	*w = nil
	if list != "" {
		*w = strings.Split(list, ",")
	}
	return nil
}

func (w *Words) String() string { return strings.Join(*w, ",") }

// Settings is a flag that may be given again: keys of a configuration and their values, as key=value.
type Settings []string

// Set reads what was given.
func (s *Settings) Set(setting string) error {
	if !strings.Contains(setting, "=") {
		return fmt.Errorf("%q is not of the form key=value", setting)
	}
	*s = append(*s, setting)
	return nil
}

func (s *Settings) String() string { return strings.Join(*s, " ") }

// Apply changes a configuration.
func (s Settings) Apply(c any) error {
	for _, setting := range s {
		key, value, _ := strings.Cut(setting, "=")
		if err := conf.Set(c, key, value); err != nil {
			return err
		}
	}
	return nil
}

// Keep fills in result: with what lies in the folder under this name and the digest of key, or by measuring, and then
// it is kept there. So an interrupted table goes on where it was, and what has changed is measured anew.
func Keep(folder, name string, key, result any, measure func() error) error {
	content, err := json.Marshal(key)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(content)
	file := filepath.Join(folder, strings.ReplaceAll(name, " ", "-")+"_"+hex.EncodeToString(digest[:4])+".json")
	if kept, err := os.ReadFile(file); err == nil && json.Unmarshal(kept, result) == nil {
		return nil
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if err := measure(); err != nil {
		return err
	}
	if content, err = json.Marshal(result); err != nil {
		return err
	}
	return atomicfile.WriteFile(file, content, 0o644)
}

// Spread returns the mean and the deviation (with n − 1) of values.
func Spread(values []float64) (mean, deviation float64) {
	n := float64(len(values))
	for _, v := range values {
		mean += v / n
	}
	for _, v := range values {
		deviation += (v - mean) * (v - mean) / max(n-1, 1)
	}
	return mean, math.Sqrt(deviation)
}
