package inspect

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// terms are what a family of licences asks of works that are made of others. A model that was trained further counts as
// such a work, which is the careful view.
type terms int

const (
	unknown       terms = iota // nothing can be said
	free                       // public domain, or nothing but the names of the authors
	weak                       // the work's own files stay under the licence
	copyleft                   // works made of it are under the same licence, or one that it allows
	noncommercial              // not for money, nor may works made of it be
	shareAlike                 // works made of it are under the same licence
	sharedNC                   // both
	noDerivatives              // no works may be made of it
	restricted                 // its rules of use go with works made of it
	own                        // "other": terms of its own, which people have to read
)

// licenceTerms are by SPDX identifiers (https://spdx.org/licenses/) and the names that the Hugging Face hub has for
// licences of models (https://huggingface.co/docs/hub/repositories-licenses), in lower case. What is not here is looked
// for by its beginning, in licencePrefixes.
var licenceTerms = map[string]terms{
	"apache-2.0": free, "mit": free, "mit-0": free, "isc": free, "unlicense": free, "cc0-1.0": free, "zlib": free, "wtfpl": free, "0bsd": free, "bsl-1.0": free, "ncsa": free, "artistic-2.0": free,
	"afl-3.0": free, "ecl-2.0": free, "postgresql": free, "pddl": free, "pddl-1.0": free, "odc-by": free, "odc-by-1.0": free, "mulanpsl-2.0": free, "mulanpsl-1.0": free, "ms-pl": free, "lppl-1.3c": free, "etalab-2.0": free, "bsd": free, "cc": unknown, "upl-1.0": free, "python-2.0": free, "h-research": noncommercial,
	"epl-1.0": weak, "epl-2.0": weak, "cdla-permissive-1.0": free, "cdla-permissive-2.0": free, "cdla-sharing-1.0": shareAlike, "c-uda": free, "odbl": shareAlike, "odbl-1.0": shareAlike, "gfdl": shareAlike,
	"eupl-1.1": copyleft, "eupl-1.2": copyleft, "osl-3.0": copyleft, "ofl-1.1": weak,
	"intel-research": noncommercial, "apple-amlr": noncommercial, "apple-ascl": free, "deepfloyd-if-license": restricted, "fair-noncommercial-research-license": noncommercial,
	"openrail": restricted, "openrail++": restricted, "creativeml-openrail-m": restricted, "gemma": restricted, "other": own, "bigcode-openrail-m": restricted,
}

var licencePrefixes = []struct {
	prefix string
	terms  terms
}{
	{"cc-by-nc-sa", sharedNC}, {"cc-by-nc-nd", noDerivatives}, {"cc-by-nc", noncommercial}, {"cc-by-nd", noDerivatives}, {"cc-by-sa", shareAlike}, {"cc-by", free},
	{"agpl-", copyleft}, {"gpl", copyleft}, {"agpl", copyleft}, {"lgpl", weak}, {"mpl-", weak}, {"bsd-", free}, {"gfdl", shareAlike},
	{"bigscience-", restricted}, {"llama", restricted}, {"qwen", restricted}, {"deepseek", restricted}, {"openrail", restricted}, {"gemma", restricted},
}

// family is what a licence asks of works made of what is under it.
func family(licence string) terms {
	licence = strings.ToLower(licence)
	if t, ok := licenceTerms[licence]; ok {
		return t
	}
	for _, p := range licencePrefixes {
		if strings.HasPrefix(licence, p.prefix) {
			return p.terms
		}
	}
	return unknown
}

// compatible lists licences that works made of something under another may have beside its own.
var compatible = map[string][]string{
	"gpl-2.0-or-later": {"gpl-3.0", "agpl-3.0"}, "gpl-3.0": {"agpl-3.0"}, "cc-by-sa-4.0": {"gpl-3.0"}, "cc-by-sa-3.0": {"cc-by-sa-4.0"}, "cc-by-nc-sa-3.0": {"cc-by-nc-sa-4.0"},
	"eupl-1.2": {"gpl-2.0", "gpl-3.0", "agpl-3.0", "cc-by-sa-3.0", "osl-3.0", "eupl-1.1"}, "eupl-1.1": {"eupl-1.2", "gpl-2.0", "osl-3.0"},
}

// plainName is a licence without what the SPDX identifiers of the GPL add, so that gpl-3.0 and gpl-3.0-only are one.
func plainName(l string) string {
	l = strings.ToLower(l)
	if l == "gpl-2.0-or-later" || l == "gpl-2.0+" {
		return "gpl-2.0-or-later"
	}
	return strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(l, "-only"), "-or-later"), "+")
}

// mayFollow tells whether a work under the licence child may be made of one under the licence parent, and which rule
// forbids it.
func mayFollow(parent, child string) (rule string, ok bool) {
	same := plainName(parent) == plainName(child) || slices.Contains(compatible[plainName(parent)], plainName(child)) || parent == "gpl-2.0-or-later" && plainName(child) == "gpl-2.0"
	was, is := family(parent), family(child)
	closed := is == noncommercial || is == sharedNC || is == noDerivatives
	switch {
	case was == noDerivatives:
		return "allows no works made of it", false
	case was == noncommercial && !closed:
		return "allows no use for money, and works made of it may not allow more", false
	case (was == shareAlike || was == sharedNC) && !same:
		return "wants works made of it to be under the same licence (share-alike)", false
	case was == copyleft && !same:
		return "wants works made of it to be under the same licence (copyleft)", false
	case was == restricted && !same && is != own:
		return "wants its rules of use to go with works made of it", false
	}
	return "", true
}

// licences compares a package's licence with those of what it was made of.
func licences(ctx context.Context, p *Package) (all []Finding, err error) {
	if p.Facts == nil || p.Facts.Licence == "" {
		return nil, nil
	}
	for _, name := range p.Facts.BaseModels {
		parent, ok, err := p.licenceOf(ctx, name)
		if err != nil {
			return nil, err
		}
		if ok && parent != "" {
			all = append(all, compare(p.Facts.Licence, parent, "its parent "+short(name), Refused)...)
		}
	}
	for _, name := range p.Facts.Datasets {
		parent, ok, err := p.licenceOf(ctx, name)
		if err != nil {
			return nil, err
		}
		if ok && parent != "" { // whether a model is a work made of its data is for courts to say
			all = append(all, compare(p.Facts.Licence, parent, "its data "+short(name), Warned)...)
		}
	}
	return all, nil
}

func compare(licence, parent, what string, s Severity) []Finding {
	if was := family(parent); was == own || was == unknown {
		return []Finding{{Warned, "licence", pack.CardFile, fmt.Sprintf("%s is under %s, whose terms are not known here", what, short(parent)), "read them, and see that " + short(licence) + " goes with them"}}
	}
	rule, ok := mayFollow(parent, licence)
	if ok {
		return nil
	}
	return []Finding{{s, "licence", pack.CardFile, fmt.Sprintf("the licence %s does not go with that of %s: %s %s", short(licence), what, short(parent), rule), "publish it under " + short(parent) + ", or make it of something else"}}
}

func (p *Package) licenceOf(ctx context.Context, name string) (string, bool, error) {
	if p.Licence == nil {
		return "", false, nil
	}
	return p.Licence(ctx, name)
}
