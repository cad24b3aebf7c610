package markettest

import (
	"encoding/binary"
	"fmt"
)

// Card is a README.md that a version may have: it has a licence, a language and a task.
const Card = "---\nlicense: mit\nlanguage: zh\npipeline_tag: text-classification\ntask_categories: [text-classification]\n---\n# Test\n\nA package for tests.\n"

// Weights makes a sound safetensors file of numbers: a market takes no others.
func Weights(numbers []byte) []byte {
	header := fmt.Sprintf(`{"weights":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}`, len(numbers), len(numbers))
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), numbers...)
}
