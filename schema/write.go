package schema

import "github.com/hamba/avro/v2"

// The library's way of writing a value looks each of some hundred fields up by reflection, which took a tenth of the whole cost of
// a message. So the generator writes, for each type of record, which of the following writes which field. All values but the map
// are nullable: a union of null and a type, in this order.

const (
	branchNull  = 0
	branchValue = 1
)

func writeText(w *avro.Writer, v *string) {
	if v == nil {
		w.WriteLong(branchNull)
		return
	}
	w.WriteLong(branchValue)
	w.WriteString(*v)
}

func writeLong(w *avro.Writer, v *int64) {
	if v == nil {
		w.WriteLong(branchNull)
		return
	}
	w.WriteLong(branchValue)
	w.WriteLong(*v)
}

func writeInt(w *avro.Writer, v *int32) {
	if v == nil {
		w.WriteLong(branchNull)
		return
	}
	w.WriteLong(branchValue)
	w.WriteInt(*v)
}

func writeBoolean(w *avro.Writer, v *bool) {
	if v == nil {
		w.WriteLong(branchNull)
		return
	}
	w.WriteLong(branchValue)
	w.WriteBool(*v)
}

// A record is written field by field.
type record[T any] interface {
	*T
	write(*avro.Writer)
}

func writeRecord[T any, R record[T]](w *avro.Writer, v R) {
	if v == nil {
		w.WriteLong(branchNull)
		return
	}
	w.WriteLong(branchValue)
	v.write(w)
}

// An array is one block of elements, and a block of none.

func writeRecords[T any, R record[T]](w *avro.Writer, v []T) {
	if writeLength(w, len(v), v == nil) {
		for i := range v {
			R(&v[i]).write(w)
		}
		w.WriteLong(0)
	}
}

func writeTexts(w *avro.Writer, v []string) {
	if writeLength(w, len(v), v == nil) {
		for _, text := range v {
			w.WriteString(text)
		}
		w.WriteLong(0)
	}
}

// writeLength begins a nullable array and tells whether elements follow.
func writeLength(w *avro.Writer, length int, null bool) (more bool) {
	if null {
		w.WriteLong(branchNull)
		return false
	}
	w.WriteLong(branchValue)
	w.WriteLong(int64(length))
	return length > 0
}

func writeMap(w *avro.Writer, v map[string]string) {
	if len(v) > 0 {
		w.WriteLong(int64(len(v)))
		for key, value := range v {
			w.WriteString(key)
			w.WriteString(value)
		}
	}
	w.WriteLong(0)
}
