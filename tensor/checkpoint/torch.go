package checkpoint

import (
	"archive/zip"
	"bytes"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// pickled is a tensor as torch.save describes it: a view of a storage, which may be that of other tensors as well.
type pickled struct {
	storage *storage
	dtype   safetensors.DType
	view    view
}

// storage is a file of the archive: numbers without a shape.
type storage struct {
	dtype safetensors.DType // "" if the storage does not say
	data  []byte
}

// globals are what a pickle of weights may name. Each rebuilds a tensor or tells its type; none has an effect.
// torch._utils of PyTorch has the originals.
var globals = map[string]global{
	"collections.OrderedDict": {call: func(args tuple) (any, error) {
		if len(args) > 0 {
			return nil, malformed("it is called with arguments")
		}
		return &dict{}, nil
	}},
	"torch.Size":                      {call: func(args tuple) (any, error) { return sizeOf(args) }},
	"torch._utils._rebuild_tensor_v2": {call: rebuildTensor},
	"torch._utils._rebuild_tensor_v3": {call: rebuildTypedTensor},
	"torch._utils._rebuild_parameter": {call: rebuildParameter},
	"torch.storage.UntypedStorage":    {},
}

// torchTypes are PyTorch's names of number types, in class names of storages and as torch.dtype.
var torchTypes = []struct {
	storage string
	names   []string
	dtype   safetensors.DType
}{
	{"DoubleStorage", []string{"float64", "double"}, safetensors.F64},
	{"FloatStorage", []string{"float32", "float"}, safetensors.F32},
	{"HalfStorage", []string{"float16", "half"}, safetensors.F16},
	{"BFloat16Storage", []string{"bfloat16"}, safetensors.BF16},
	{"LongStorage", []string{"int64", "long"}, safetensors.I64},
	{"IntStorage", []string{"int32", "int"}, safetensors.I32},
	{"ShortStorage", []string{"int16", "short"}, safetensors.I16},
	{"CharStorage", []string{"int8"}, safetensors.I8},
	{"ByteStorage", []string{"uint8"}, safetensors.U8},
	{"BoolStorage", []string{"bool"}, safetensors.Bool},
}

// typesByGlobal finds the number type that a global names.
var typesByGlobal = map[string]safetensors.DType{}

func init() {
	for _, t := range torchTypes {
		for _, name := range append(t.names, t.storage) {
			globals["torch."+name] = global{}
			typesByGlobal["torch."+name] = t.dtype
		}
	}
}

// sizeOf takes a torch.Size apart.
func sizeOf(args tuple) (any, error) {
	if len(args) != 1 {
		return nil, malformed("%d arguments", len(args))
	}
	return args[0], nil
}

// rebuildTensor makes a tensor of (storage, offset, size, stride, …); what follows concerns gradients.
func rebuildTensor(args tuple) (any, error) {
	return rebuild(args, "")
}

// rebuildTypedTensor is rebuildTensor with the type of the numbers as the seventh argument, for storages without one.
func rebuildTypedTensor(args tuple) (any, error) {
	if len(args) < 7 {
		return nil, malformed("%d arguments", len(args))
	}
	g, ok := args[6].(global)
	dtype, known := typesByGlobal[g.name]
	if !ok || !known {
		return nil, malformed("a tensor of an unknown type")
	}
	return rebuild(args, dtype)
}

// rebuildParameter is the tensor that is its first argument.
func rebuildParameter(args tuple) (any, error) {
	if len(args) > 0 {
		if p, ok := args[0].(*pickled); ok {
			return p, nil
		}
	}
	return nil, malformed("a parameter without a tensor")
}

func rebuild(args tuple, dtype safetensors.DType) (any, error) {
	if len(args) < 4 {
		return nil, malformed("%d arguments", len(args))
	}
	s, ok := args[0].(*storage)
	offset, ok2 := args[1].(int64)
	if !ok || !ok2 || offset < 0 || offset > math.MaxInt {
		return nil, malformed("a tensor without storage or place")
	}
	if dtype == "" {
		dtype = s.dtype
	}
	if dtype == "" {
		return nil, malformed("a tensor without a type")
	}
	sizes, err := integers(args[2])
	if err != nil {
		return nil, err
	}
	strides, err := integers(args[3])
	if err != nil {
		return nil, err
	}
	v, err := checkView(int(offset), sizes, strides, len(s.data)/dtype.Size())
	if err != nil {
		return nil, err
	}
	return &pickled{s, dtype, v}, nil
}

// integers reads a tuple of numbers.
func integers(v any) ([]int64, error) {
	t, ok := v.(tuple)
	if !ok {
		return nil, malformed("a shape that is not a tuple")
	}
	out := make([]int64, len(t))
	for i, n := range t {
		if out[i], ok = n.(int64); !ok {
			return nil, malformed("a shape that is not of whole numbers")
		}
	}
	return out, nil
}

// checkView returns the view, which lies within a storage of n numbers and has no more numbers than that.
func checkView(offset int, sizes, strides []int64, n int) (view, error) {
	if len(sizes) != len(strides) {
		return view{}, malformed("%d sizes and %d strides", len(sizes), len(strides))
	}
	shape, elements, err := checkShape(sizes, n)
	if err != nil {
		return view{}, malformed("%w", err)
	}
	v := view{offset: offset, sizes: shape}
	last := offset
	for i, s := range strides {
		if s < 0 || s > math.MaxInt {
			return view{}, malformed("a stride of %d", s)
		}
		v.strides = append(v.strides, int(s))
		if elements == 0 || shape[i] == 1 {
			continue
		}
		if last > n || int(s) > n/(shape[i]-1) {
			return view{}, malformed("a tensor reaches beyond its storage of %d numbers", n)
		}
		last += (shape[i] - 1) * int(s)
	}
	if elements > 0 && last >= n || elements == 0 && last > n {
		return view{}, malformed("a tensor reaches beyond its storage of %d numbers", n)
	}
	return v, nil
}

// torchArchive is a zip file as torch.save writes it: data.pkl, and a file for each storage in data/, all of them
// below one folder and stored as they are.
type torchArchive struct {
	data    []byte
	folder  string
	entries map[string]*zip.File
	opened  map[string]*storage
}

// parseTorch adds the tensors of a file that torch.save has written.
func (s *Set) parseTorch(_ string, data []byte) error {
	if !bytes.HasPrefix(data, []byte("PK")) {
		return hint.Errorf("save it again by a PyTorch of 1.6 or later, best as safetensors",
			"it is not a zip archive: pickles of PyTorch before 1.6 are not read")
	}
	a, err := openTorch(data)
	if err != nil {
		return err
	}
	pkl, err := a.read("data.pkl")
	if err != nil {
		return err
	}
	v, err := unpickle(pkl, a.load)
	if err != nil {
		return err
	}
	d := stateDict(v)
	if d == nil {
		return hint.Errorf("save the model's state_dict() alone", "it holds no dictionary of tensors")
	}
	for i, key := range d.keys {
		name, ok := key.(string)
		p, isTensor := d.values[i].(*pickled)
		if !ok || !isTensor {
			continue // counters and settings that some trainers put beside the weights
		}
		// What PyTorch writes as one view of many equal numbers stays one here.
		if err := s.add(name, &tensor{dtype: string(p.dtype), shape: p.view.sizes, stored: p.storage.data, view: &p.view}); err != nil {
			return err
		}
	}
	return nil
}

// stateDict finds the dictionary of tensors in a pickled value: the value itself, or one of the entries in which
// trainers keep it.
func stateDict(v any) *dict {
	d, ok := v.(*dict)
	if !ok {
		return nil
	}
	if slices.ContainsFunc(d.values, func(v any) bool { _, ok := v.(*pickled); return ok }) {
		return d
	}
	for _, key := range []string{"state_dict", "model_state_dict", "model"} {
		for i, k := range d.keys {
			inner, ok := d.values[i].(*dict)
			if k == any(key) && ok && slices.ContainsFunc(inner.values, func(v any) bool { _, ok := v.(*pickled); return ok }) {
				return inner
			}
		}
	}
	return nil
}

func openTorch(data []byte) (*torchArchive, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, malformed("%w", err)
	}
	a := &torchArchive{data: data, entries: map[string]*zip.File{}, opened: map[string]*storage{}}
	for _, f := range z.File {
		if _, twice := a.entries[f.Name]; twice {
			return nil, malformed("the archive has %s twice", f.Name)
		}
		a.entries[f.Name] = f
		if folder, ok := strings.CutSuffix(f.Name, "/data.pkl"); ok && !strings.Contains(folder, "/") {
			a.folder = folder
		}
	}
	if a.folder == "" {
		return nil, hint.Errorf("PyTorch's archives have a data.pkl; unpack any other", "the archive is not one that torch.save writes")
	}
	order, err := a.read("byteorder") // absent before PyTorch 2.1
	if err == nil && string(order) != "little" {
		return nil, hint.Errorf("save it again on a little-endian machine", "its numbers are in the order %q", order)
	}
	return a, nil
}

// read returns a file of the archive, a view of it.
func (a *torchArchive) read(name string) ([]byte, error) {
	full := path.Join(a.folder, name)
	f, ok := a.entries[full]
	if !ok {
		return nil, malformed("the archive has no %s", full)
	}
	if f.Method != zip.Store {
		return nil, hint.Errorf("save it again by torch.save, which does not compress", "%s is compressed", full)
	}
	offset, err := f.DataOffset()
	if err != nil {
		return nil, malformed("%s: %w", full, err)
	}
	if offset < 0 || offset > int64(len(a.data)) || f.UncompressedSize64 > uint64(int64(len(a.data))-offset) {
		return nil, malformed("%s reaches beyond the end of the file", full)
	}
	end := offset + int64(f.UncompressedSize64)
	return a.data[offset:end:end], nil
}

// load resolves the identifier of a storage: ("storage", class, key, device, number of elements).
func (a *torchArchive) load(id any) (any, error) {
	t, ok := id.(tuple)
	if !ok || len(t) < 5 || t[0] != any("storage") {
		return nil, malformed("it refers to something that is not a storage")
	}
	class, ok := t[1].(global)
	key, ok2 := t[2].(string)
	count, ok3 := t[4].(int64)
	if !ok || !ok2 || !ok3 {
		return nil, malformed("it describes a storage by what is no description")
	}
	dtype, known := typesByGlobal[class.name]
	if !known && class.name != "torch.storage.UntypedStorage" {
		return nil, malformed("a storage of class %s", class.name)
	}
	if s, ok := a.opened[key]; ok && s.dtype == dtype {
		return s, nil
	}
	data, err := a.read("data/" + key)
	if err != nil {
		return nil, err
	}
	size := max(dtype.Size(), 1) // an untyped storage counts bytes
	if count < 0 || count > int64(len(data)/size) || int(count)*size != len(data) {
		return nil, malformed("storage %s holds %d bytes, not %d numbers of %d", key, len(data), count, size)
	}
	s := &storage{dtype, data}
	a.opened[key] = s
	return s, nil
}
