package transform

import (
	"strconv"
	"unsafe"
)

// reader reads the members of the objects in one item. It stores a value in its field if the value
// fits, and in unmapped otherwise. After a failure it reads nothing more, so callers check only the
// final result.
type reader struct {
	cursor
	text      string // the data as a string; most strings of the record are slices of it
	unescaped []byte // the strings that had escapes, one after another
	name      []byte // of the member whose value comes next
	nameRoom  []byte
	path      []step // from the item to the object whose members are being read
	unmapped  []unmappedValue
	badTime   string // the first of the item's own times that is invalid
	doubtful  bool   // some object may have a duplicate member name
	failed    bool   // the item is malformed
}

// step is one step of the path into an item: the name of a member or the index of an element.
type step struct {
	name  string
	index int // valid if name is empty
}

// unmappedValue is a value that no field holds exactly, as a JSON Pointer and raw JSON.
type unmappedValue struct{ pointer, json string }

func (r *reader) reset(item []byte) {
	*r = reader{
		cursor:    cursor{data: item},
		text:      textOf(item),
		unescaped: r.unescaped[:0],
		nameRoom:  r.nameRoom[:0],
		path:      r.path[:0],
		unmapped:  r.unmapped[:0],
	}
	if cap(r.unescaped) > maxUnescapedRoom {
		r.unescaped = nil
	}
}

// maxUnescapedRoom bounds the memory kept for the next item, in bytes.
const maxUnescapedRoom = 1 << 20

// textOf returns the bytes as a string without copying. The string changes with the bytes, which is
// why a record is valid only until the Converter's next call and while its item stays unchanged.
func textOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func (r *reader) fail() { r.failed = true }

// object is the state of an object being read.
type object struct {
	begun bool
	names nameFilter
}

// member advances to the next member of an object. It leaves the name in r.name and the cursor in front
// of the value. It returns false after the last member.
func (r *reader) member(o *object) bool {
	if r.failed {
		return false
	}
	switch next := r.peek(); {
	case !o.begun:
		o.begun = true
		r.at++ // the brace that the caller has seen
		if r.take('}') {
			return false
		}
	case next == ',':
		r.at++
	case next == '}':
		r.at++
		return false
	default:
		r.fail()
		return false
	}
	r.peek()
	inside, plain, ok := r.quoted()
	if !ok || !r.take(':') {
		r.fail()
		return false
	}
	r.name = r.data[inside.from:inside.to]
	if !plain {
		// Neither UTF-8 nor a JSON Pointer can express a name with half a surrogate pair.
		if r.name, ok = appendUnescaped(r.nameRoom[:0], r.name); !ok {
			r.fail()
			return false
		}
		r.nameRoom = r.name
	}
	r.doubtful = o.names.add(r.name) || r.doubtful
	return true
}

// enter reports whether the value of the current member is an object. If so, the caller reads its
// members and then calls leave. A value that is neither an object nor null goes to unmapped.
func (r *reader) enter(name string) bool {
	if r.peek() != '{' {
		r.other()
		return false
	}
	r.path = append(r.path, step{name: name})
	return true
}

func (r *reader) leave() { r.path = r.path[:len(r.path)-1] }

// other reads a value that the current member's field cannot hold. It does not keep null, which is
// equivalent to an absent member.
func (r *reader) other() {
	if r.peek() == 'n' && r.literal("null") {
		return
	}
	whole, ok := r.value()
	if !ok {
		r.fail()
		return
	}
	r.keep(whole)
}

// keep stores the value of the current member in unmapped.
func (r *reader) keep(whole span) {
	r.unmapped = append(r.unmapped, unmappedValue{
		pointer: string(appendToken(r.pointer(), r.name)),
		json:    r.text[whole.from:whole.to],
	})
}

// pointer returns the JSON Pointer of the object whose members are being read.
func (r *reader) pointer() []byte {
	var pointer []byte
	for _, step := range r.path {
		if step.name != "" {
			pointer = appendToken(pointer, step.name)
		} else {
			pointer = strconv.AppendInt(append(pointer, '/'), int64(step.index), 10)
		}
	}
	return pointer
}

// appendToken appends a reference token of a JSON Pointer. Source: RFC 6901.
func appendToken[T []byte | string](pointer []byte, name T) []byte {
	pointer = append(pointer, '/')
	for i := range len(name) {
		switch b := name[i]; b {
		case '~':
			pointer = append(pointer, '~', '0')
		case '/':
			pointer = append(pointer, '~', '1')
		default:
			pointer = append(pointer, b)
		}
	}
	return pointer
}

// str reads a string whose opening quote the caller has seen. It is not ok if the string is not valid
// Unicode or the item is malformed.
func (r *reader) str() (value string, whole span, ok bool) {
	from := r.at
	inside, plain, ok := r.quoted()
	if !ok {
		r.fail()
		return "", span{}, false
	}
	whole = span{from, r.at}
	if plain {
		return r.text[inside.from:inside.to], whole, true
	}
	begin := len(r.unescaped)
	// If append moves to a larger array, the strings before this one keep the old array.
	r.unescaped, ok = appendUnescaped(r.unescaped, r.data[inside.from:inside.to])
	return textOf(r.unescaped[begin:]), whole, ok
}

// maxIntegerDigits is the length of the longest 32-bit integer.
const maxIntegerDigits = len("-2147483648")

// textField reads a string.
func (c *Converter) textField(field **string) {
	if c.peek() != '"' {
		c.other()
		return
	}
	value, whole, ok := c.str()
	if !ok {
		if !c.failed {
			c.keep(whole)
		}
		return
	}
	target := c.room.texts.next()
	*target = value
	*field = target
}

// timeField reads a time. If the time is finer than a millisecond, unmapped keeps the original as well.
// A value that is not a time goes to unmapped only.
func (c *Converter) timeField(field **int64) (ok bool) {
	switch c.peek() {
	case '"':
	case 'n':
		c.other()
		return true
	default:
		c.other()
		return false
	}
	value, whole, ok := c.str()
	if c.failed {
		return false
	}
	var t instant
	if ok {
		t, ok = parseInstant(value)
	}
	if !ok {
		c.keep(whole)
		return false
	}
	if !t.whole() {
		c.keep(whole)
	}
	target := c.room.longs.next()
	*target = t.millis()
	*field = target
	return true
}

// ownTimeField reads one of the four times that describe a version. An invalid one makes the item a
// dead letter.
func (c *Converter) ownTimeField(name string, field **int64) {
	if !c.timeField(field) && c.badTime == "" {
		c.badTime = name
	}
}

// durationField reads a duration as text and, if its length is fixed, in milliseconds.
func (c *Converter) durationField(field **string, millis **int64) {
	c.textField(field)
	if *field == nil {
		return
	}
	if length, ok := durationMillis(**field); ok {
		target := c.room.longs.next()
		*target = length
		*millis = target
	}
}

// intField reads a 32-bit integer in plain notation. It does not take 1.0, because a reader that keeps
// the text would see a different number.
func (c *Converter) intField(field **int32) {
	whole, ok := c.value()
	if !ok {
		c.fail()
		return
	}
	text := c.text[whole.from:whole.to]
	if len(text) <= maxIntegerDigits && text != "-0" {
		if n, err := strconv.ParseInt(text, 10, 32); err == nil {
			target := c.room.ints.next()
			*target = int32(n)
			*field = target
			return
		}
	}
	if text != "null" {
		c.keep(whole)
	}
}

// booleanField reads true or false.
func (c *Converter) booleanField(field **bool) {
	whole, ok := c.value()
	if !ok {
		c.fail()
		return
	}
	switch c.text[whole.from:whole.to] {
	case "true", "false":
		target := c.room.booleans.next()
		*target = c.data[whole.from] == 't'
		*field = target
	case "null":
	default:
		c.keep(whole)
	}
}

// objectsField reads an array of objects. If an element is not an object, the whole array goes to
// unmapped.
func objectsField[T any](c *Converter, name string, read func(*Converter, *T)) []T {
	if c.peek() != '[' {
		c.other()
		return nil
	}
	begin, kept := c.at, len(c.unmapped)
	c.at++
	elements := []T{}
	if c.take(']') {
		return elements
	}
	c.path = append(c.path, step{name: name}, step{})
	for c.peek() == '{' {
		c.path[len(c.path)-1].index = len(elements)
		var zero T
		elements = append(elements, zero)
		read(c, &elements[len(elements)-1])
		if c.failed {
			return nil
		}
		if c.take(',') {
			continue
		}
		c.path = c.path[:len(c.path)-2]
		if !c.take(']') {
			c.fail()
		}
		return elements
	}
	c.path = c.path[:len(c.path)-2]
	c.keepArray(name, begin, kept)
	return nil
}

// textsField reads an array of strings. If an element is not a string, the whole array goes to unmapped.
func (c *Converter) textsField(name string) []string {
	if c.peek() != '[' {
		c.other()
		return nil
	}
	begin, kept := c.at, len(c.unmapped)
	c.at++
	elements := []string{}
	if c.take(']') {
		return elements
	}
	for c.peek() == '"' {
		value, _, ok := c.str()
		if c.failed {
			return nil
		}
		if !ok {
			break
		}
		elements = append(elements, value)
		if c.take(',') {
			continue
		}
		if !c.take(']') {
			c.fail()
		}
		return elements
	}
	c.keepArray(name, begin, kept)
	return nil
}

// keepArray stores the whole array that begins at begin in unmapped and drops the parts of it that were
// stored since.
func (c *Converter) keepArray(name string, begin, kept int) {
	c.unmapped = c.unmapped[:kept]
	c.at = begin
	c.name = append(c.nameRoom[:0], name...)
	c.nameRoom = c.name
	c.other()
}
