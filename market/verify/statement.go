package verify

import (
	"encoding/json"
	"fmt"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/sign"
)

// What the manifest is that carries a signed record, and what kind of statement the record is: a test result of in-toto
// (https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md).
const (
	ArtifactType  = "application/vnd.xiaoyu.verification.v1+json"
	PredicateType = "https://in-toto.io/attestation/test-result/v0.1"
	statementType = "https://in-toto.io/Statement/v1"
)

// statement is in-toto's, about one package.
type statement struct {
	Type          string     `json:"_type"`
	Subject       []resource `json:"subject"`
	PredicateType string     `json:"predicateType"`
	Predicate     result     `json:"predicate"`
}

// resource is something that has a digest.
type resource struct {
	Name        string            `json:"name"`
	Digest      map[string]string `json:"digest"`
	Annotations map[string]any    `json:"annotations,omitempty"`
}

// result is the predicate. Programs that know test results alone leave out what is ours.
type result struct {
	Result        string     `json:"result"` // PASSED, WARNED or FAILED
	Configuration []resource `json:"configuration"`
	Passed        []string   `json:"passedTests,omitempty"`
	Failed        []string   `json:"failedTests,omitempty"`
	Record        *Record    `json:"https://github.com/xiaoyu-slm/xiaoyu/verification/v1"`
}

// Statement writes what was found of a package, by the digest of its manifest.
func Statement(name string, of digest.Digest, r *Record) ([]byte, error) {
	rows := digest.Digest(r.Rows)
	s := statement{Type: statementType, Subject: []resource{{Name: name, Digest: map[string]string{of.Algorithm().String(): of.Encoded()}}}, PredicateType: PredicateType,
		Predicate: result{Result: "PASSED", Record: r, Configuration: []resource{
			{Name: "benchmark " + r.Benchmark, Digest: map[string]string{rows.Algorithm().String(): rows.Encoded()}, Annotations: map[string]any{"examples": r.Examples, "metric": r.Metric}}}}}
	if r.State == catalogue.Measured {
		s.Predicate.Passed = []string{r.Benchmark}
	} else {
		s.Predicate.Result, s.Predicate.Failed = "FAILED", []string{r.Benchmark}
	}
	return json.Marshal(s)
}

// ReadStatement checks the signature of a record about the package with a digest, and reads it. Errors wrap
// sign.ErrUntrusted for one that is signed by somebody else.
func ReadStatement(b *sign.Bundle, t sign.Trust, of digest.Digest) (*Record, error) {
	payload, _, err := b.VerifyStatement(t)
	if err != nil {
		return nil, err
	}
	var s statement
	if err := json.Unmarshal(payload, &s); err != nil {
		return nil, fmt.Errorf("the statement that was signed is no JSON of its kind: %w", err)
	}
	switch {
	case s.Type != statementType || s.PredicateType != PredicateType || s.Predicate.Record == nil:
		return nil, fmt.Errorf("the statement says %.80q, not what a benchmark has found", s.PredicateType)
	case len(s.Subject) != 1 || s.Subject[0].Digest[of.Algorithm().String()] != of.Encoded():
		return nil, hint.Errorf("tell who runs the market", "the statement is about another package than %s", of)
	}
	return s.Predicate.Record, nil
}

// Newest lists the last record of each benchmark among several.
func Newest(list []*Record) (out []*Record) {
	at := map[string]int{}
	for _, r := range list {
		i, ok := at[r.Benchmark]
		if !ok {
			at[r.Benchmark] = len(out)
			out = append(out, r)
			continue
		}
		if !r.At.Before(out[i].At) {
			out[i] = r
		}
	}
	return out
}
