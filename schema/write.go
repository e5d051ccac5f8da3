package schema

import "github.com/hamba/avro/v2"

// The library's way of writing a value looks each of some hundred fields up by reflection, which took a tenth of the whole cost of
// a message. So the generator writes, for each type of record, which of the following writes which field. All values but the map
// are nullable: a union of null and a type, in this order.

// present begins a nullable value with its branch, and reports whether it follows.
func present(w *avro.Writer, is bool) bool {
	branch := int64(0)
	if is {
		branch = 1
	}
	w.WriteLong(branch)
	return is
}

func writeText(w *avro.Writer, v *string) {
	if present(w, v != nil) {
		w.WriteString(*v)
	}
}

func writeLong(w *avro.Writer, v *int64) {
	if present(w, v != nil) {
		w.WriteLong(*v)
	}
}

func writeInt(w *avro.Writer, v *int32) {
	if present(w, v != nil) {
		w.WriteInt(*v)
	}
}

func writeBoolean(w *avro.Writer, v *bool) {
	if present(w, v != nil) {
		w.WriteBool(*v)
	}
}

// record is a pointer to a type of record, which is written field by field.
type record[T any] interface {
	*T
	write(*avro.Writer)
}

func writeRecord[T any, R record[T]](w *avro.Writer, v R) {
	if present(w, v != nil) {
		v.write(w)
	}
}

func writeRecords[T any, R record[T]](w *avro.Writer, v []T) {
	if present(w, v != nil) {
		block(w, len(v), func() {
			for i := range v {
				R(&v[i]).write(w)
			}
		})
	}
}

func writeTexts(w *avro.Writer, v []string) {
	if present(w, v != nil) {
		block(w, len(v), func() {
			for _, text := range v {
				w.WriteString(text)
			}
		})
	}
}

func writeMap(w *avro.Writer, v map[string]string) {
	block(w, len(v), func() {
		for key, value := range v {
			w.WriteString(key)
			w.WriteString(value)
		}
	})
}

// block writes the elements of an array or a map: their number and they themselves, and a zero behind them.
func block(w *avro.Writer, length int, elements func()) {
	if length > 0 {
		w.WriteLong(int64(length))
		elements()
	}
	w.WriteLong(0)
}
