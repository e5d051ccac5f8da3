package transform

import (
	"strconv"
	"unsafe"
)

// reader reads the members of the objects of one item. A value that fits its field goes there; every
// other one goes to unmapped. Once it has failed it reads no further, so that only the end result
// needs to be checked.
type reader struct {
	cursor
	text      string // the data, which the texts of the record are parts of
	unescaped []byte // the texts that are not, one behind the other
	name      []byte // of the member whose value comes next
	nameRoom  []byte
	path      []step // the way from the item to the object whose members are being read
	unmapped  []unmappedValue
	badTime   string // the first of the item's own times that is none
	doubtful  bool   // some name may stand twice in its object
	failed    bool   // the item is malformed
}

// step is one step of the way into an item: the name of a member or the index of an element.
type step struct {
	name  string
	index int // meant if name is empty
}

// unmappedValue is a value that no field holds exactly: JSON Pointer and raw JSON text.
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

// maxUnescapedRoom bounds what is held for the next item, in bytes.
const maxUnescapedRoom = 1 << 20

// textOf returns the bytes as a text without a copy. The text changes with the bytes: this is why a
// record is good only until the Converter's next call and as long as its item stays as it is.
func textOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func (r *reader) fail() { r.failed = true }

// object is an object that is being read.
type object struct {
	begun bool
	names nameFilter
}

// member goes to the next member of an object, leaving its name in r.name; the cursor is before its
// value. It returns false behind the last member.
func (r *reader) member(o *object) bool {
	if r.failed {
		return false
	}
	switch next := r.peek(); {
	case !o.begun:
		o.begun = true
		r.at++ // the brace, which the caller has seen
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
		// A name with half a surrogate pair cannot be said in UTF-8, nor in a JSON Pointer.
		if r.name, ok = appendUnescaped(r.nameRoom[:0], r.name); !ok {
			r.fail()
			return false
		}
		r.nameRoom = r.name
	}
	r.doubtful = o.names.add(r.name) || r.doubtful
	return true
}

// enter tells whether the value of the current member is an object, whose members are to be read and
// which is to be left then. What is neither an object nor null goes to unmapped.
func (r *reader) enter(name string) bool {
	if r.peek() != '{' {
		r.other()
		return false
	}
	r.path = append(r.path, step{name: name})
	return true
}

func (r *reader) leave() { r.path = r.path[:len(r.path)-1] }

// other reads a value that the current member's field cannot hold. Null is as if it were absent, and
// so is not kept.
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

// keep puts the value of the current member to unmapped.
func (r *reader) keep(whole span) {
	r.unmapped = append(r.unmapped, unmappedValue{
		pointer: string(appendToken(r.pointer(), r.name)),
		json:    r.text[whole.from:whole.to],
	})
}

// pointer is the JSON Pointer of the object whose members are being read.
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

// str reads a string whose first quote the caller has seen. It is not ok if the text is no Unicode or
// the item is malformed.
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
	// If this moves to a larger room, the texts before it keep the old one.
	r.unescaped, ok = appendUnescaped(r.unescaped, r.data[inside.from:inside.to])
	return textOf(r.unescaped[begin:]), whole, ok
}

// An integer of 32 bits has no more digits than this.
const maxIntegerDigits = len("-2147483648")

// textField reads a text.
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

// timeField reads a time. One that is finer than a millisecond is kept in unmapped as well; what is no time
// is kept there alone.
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

// ownTimeField reads one of the four times that say what a version is. What is no time makes a dead
// letter of the item.
func (c *Converter) ownTimeField(name string, field **int64) {
	if !c.timeField(field) && c.badTime == "" {
		c.badTime = name
	}
}

// durationField reads a duration: its text, and beside it its length if it has one.
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

// intField reads a whole number of 32 bits, written as one: 1.0 is another number to a reader that
// keeps texts.
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

// objectsField reads an array of objects. An array with an element that is none is kept in unmapped, whole.
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

// textsField reads an array of texts. An array with an element that is none is kept in unmapped, whole.
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

// keepArray keeps the array that begins at begin whole, and forgets what of its parts was kept since.
func (c *Converter) keepArray(name string, begin, kept int) {
	c.unmapped = c.unmapped[:kept]
	c.at = begin
	c.name = append(c.nameRoom[:0], name...)
	c.nameRoom = c.name
	c.other()
}
