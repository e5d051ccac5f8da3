package offsets

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// ErrTransfer is wrapped by the errors of ParseLines: the file is not taken, not even in part. The text
// names each line that is wrong and why.
var ErrTransfer = errors.New("positions cannot be imported")

// transferLine is a line of an export. Partition and offset are what is in the topic's key and value, by
// the names that Kafka Connect's REST interface gives them (KIP-875).
type transferLine struct {
	Connector string          `json:"connector"`
	Partition partition       `json:"partition"`
	Offset    json.RawMessage `json:"offset"`
}

// The bounds of a file to import.
const (
	maxLine     = 1 << 20 // bytes; a position takes some hundred
	maxComplain = 20      // lines that an error names
)

// AppendLine appends a position as one line of JSON.
func AppendLine(b []byte, key Key, p Position) []byte {
	b = append(b, `{"connector":`...)
	b = appendText(b, key.Connector)
	b = append(b, `,"partition":{"tenant":`...)
	b = appendText(b, key.Tenant)
	b = append(b, `,"user":`...)
	b = appendText(b, key.User)
	b = append(b, `},"offset":`...)
	b = append(b, p.Value()...)
	return append(b, "}\n"...)
}

// ParseLines reads what AppendLine wrote, for one connector and tenant. It takes all lines or none: every
// line must be whole, hold a position that this version understands to its last field, belong to the
// connector and tenant, name its user once, and claim nothing to be read that lies after now.
func ParseLines(r io.Reader, connector, tenant string, now time.Time) (map[string]Position, error) {
	positions := make(map[string]Position)
	at := make(map[string]int)
	var wrong []error
	scan := bufio.NewScanner(r)
	scan.Buffer(nil, maxLine)
	number := 0
	for scan.Scan() {
		number++
		line := bytes.TrimSpace(scan.Bytes())
		if len(line) == 0 {
			continue
		}
		user, p, err := parseLine(line, connector, tenant, now.UnixMilli())
		if err == nil && at[user] != 0 {
			err = fmt.Errorf("user %s is in line %d already", user, at[user])
		}
		if err != nil {
			if len(wrong) == maxComplain {
				wrong = append(wrong, errors.New("and more"))
				break
			}
			wrong = append(wrong, fmt.Errorf("line %d: %w", number, err))
			continue
		}
		positions[user], at[user] = p, number
	}
	if err := scan.Err(); err != nil {
		wrong = append(wrong, fmt.Errorf("after line %d: %w", number, err))
	}
	if len(wrong) == 0 && len(positions) == 0 {
		wrong = append(wrong, errors.New("there is no line"))
	}
	if len(wrong) > 0 {
		return nil, fmt.Errorf("offsets: %w:\n%w", ErrTransfer, errors.Join(wrong...))
	}
	return positions, nil
}

func parseLine(text []byte, connector, tenant string, now int64) (user string, p Position, err error) {
	var line transferLine
	decode := json.NewDecoder(bytes.NewReader(text))
	decode.DisallowUnknownFields()
	if err := decode.Decode(&line); err != nil {
		return "", Position{}, fmt.Errorf("it is not an object of connector, partition and offset: %w", err)
	}
	if _, err := decode.Token(); !errors.Is(err, io.EOF) {
		return "", Position{}, errors.New("something follows the object")
	}
	user = line.Partition.User
	switch {
	case user == "":
		return "", Position{}, errors.New("it names no user")
	case line.Partition.Tenant != tenant:
		return "", Position{}, fmt.Errorf("it belongs to tenant %q, this is %q", line.Partition.Tenant, tenant)
	case line.Connector != connector:
		return "", Position{}, fmt.Errorf("it belongs to connector %q, this is %q; to move positions to another name, change it in the file",
			line.Connector, connector)
	}
	if p, err = ParseValue(line.Offset); err != nil {
		return "", Position{}, fmt.Errorf("user %s: %w", user, err)
	}
	var given, known map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(line.Offset, &given), json.Unmarshal(p.Value(), &known)); err != nil {
		return "", Position{}, fmt.Errorf("user %s: %w", user, err)
	}
	for name := range given {
		if _, ok := known[name]; !ok {
			return "", Position{}, fmt.Errorf("user %s: field %q is not known, and would be lost", user, name)
		}
	}
	if newest := p.newest(); newest > now {
		return "", Position{}, fmt.Errorf("user %s: %s lies in the future, what happens until then would count as read",
			user, time.UnixMilli(newest).UTC().Format(time.RFC3339))
	}
	return user, p, nil
}

// newest is the latest instant that p names.
func (p Position) newest() int64 {
	newest := p.Start
	for _, m := range p.Marks {
		newest = max(newest, m.At)
	}
	if p.Window != nil {
		newest = max(newest, p.Window.To)
	}
	return newest
}
