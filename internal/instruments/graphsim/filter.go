package graphsim

import (
	"errors"
	"slices"
	"strings"
	"time"
)

// errFilter is any $filter the service does not take; it gives no reasons.
var errFilter = errors.New("graphsim: invalid $filter query")

// The properties a clause may name.
const (
	fieldUserType        = "from/user/userIdentityType"
	fieldUserID          = "from/user/id"
	fieldApplicationType = "from/application/applicationIdentityType"
	fieldMessageType     = "messageType"
	fieldModified        = "lastModifiedDateTime"

	systemEventMessage = "systemEventMessage"
)

// clause is a comparison of a sender or a message type.
type clause struct {
	field, value string
	negated      bool
}

// clauseGroup are clauses joined by "or".
type clauseGroup struct {
	any  []clause
	text string
}

// String is the same for equal groups.
func (g *clauseGroup) String() string {
	if g == nil {
		return ""
	}
	return g.text
}

func (g *clauseGroup) matches(s sender, system bool) bool {
	return slices.ContainsFunc(g.any, func(c clause) bool {
		switch c.field {
		case fieldUserType:
			return !system && s.isUser() && s.identityType == c.value
		case fieldUserID:
			return !system && s.isUser() && strings.EqualFold(s.id, c.value)
		case fieldApplicationType:
			return !system && !s.isUser() && s.identityType == c.value
		default: // messageType
			return system != c.negated
		}
	})
}

// parseFilter reads the grammar documented for getAllMessages:
//
//	filter  = dates / group / group "and" dates
//	dates   = one lastModifiedDateTime gt and one lt, joined by "and"
//	group   = clause *("or" clause)
//
// with parentheses anywhere an expression may stand. "(group) and dates" may also be written "dates and (group)".
// Everything else, one bound alone and ge or le included, is errFilter. Without dates the window is unbounded. A lenient
// service takes one bound alone, ge and le as well.
func parseFilter(text string, lenient bool) (window, *clauseGroup, error) {
	p := filterParser{rest: text, lenient: lenient}
	p.advance()
	root, err := p.disjunction(0)
	if err != nil {
		return always, nil, err
	}
	if p.token != "" {
		return always, nil, errFilter
	}
	win, group := always, (*clauseGroup)(nil)
	var lower, upper int
	for _, term := range root.flatten(joinAnd, nil) {
		if term.join == leaf && term.field == fieldModified {
			switch term.operator { // the window's bounds are exclusive
			case "gt":
				win.from = term.ticks
				lower++
			case "ge":
				win.from = term.ticks - 1
				lower++
			case "lt":
				win.to = term.ticks
				upper++
			case "le":
				win.to = term.ticks + 1
				upper++
			}
			continue
		}
		if group != nil {
			return always, nil, errFilter // "and" between clauses
		}
		group = &clauseGroup{}
		for _, c := range term.flatten(joinOr, nil) {
			if c.join != leaf || c.field == fieldModified {
				return always, nil, errFilter
			}
			group.any = append(group.any, clause{field: c.field, value: c.value, negated: c.operator == "ne"})
			group.text += c.field + " " + c.operator + " " + c.value + "\n"
		}
	}
	if lower > 1 || upper > 1 || lower != upper && !lenient {
		return always, nil, errFilter
	}
	return win, group, nil
}

type joinKind uint8

const (
	leaf joinKind = iota
	joinAnd
	joinOr
)

// expression is a comparison, or expressions joined by one operator.
type expression struct {
	join                   joinKind
	parts                  []*expression
	field, operator, value string
	ticks                  int64
}

// flatten lists the expressions that are joined by one operator, through parentheses.
func (e *expression) flatten(join joinKind, list []*expression) []*expression {
	if e.join != join {
		return append(list, e)
	}
	for _, part := range e.parts {
		list = part.flatten(join, list)
	}
	return list
}

type filterParser struct {
	rest    string
	token   string // the current token; empty at the end
	lenient bool
}

// maxDepth bounds nesting.
const maxDepth = 50

func (p *filterParser) disjunction(depth int) (*expression, error) {
	return p.joined(joinOr, "or", func() (*expression, error) {
		return p.joined(joinAnd, "and", func() (*expression, error) { return p.primary(depth) })
	})
}

func (p *filterParser) joined(join joinKind, word string, next func() (*expression, error)) (*expression, error) {
	first, err := next()
	if err != nil {
		return nil, err
	}
	whole := first
	for p.token == word {
		p.advance()
		part, err := next()
		if err != nil {
			return nil, err
		}
		if whole == first {
			whole = &expression{join: join, parts: []*expression{first}}
		}
		whole.parts = append(whole.parts, part)
	}
	return whole, nil
}

func (p *filterParser) primary(depth int) (*expression, error) {
	if p.token == "(" {
		if depth == maxDepth {
			return nil, errFilter
		}
		p.advance()
		inner, err := p.disjunction(depth + 1)
		if err != nil {
			return nil, err
		}
		if p.token != ")" {
			return nil, errFilter
		}
		p.advance()
		return inner, nil
	}
	e := &expression{field: p.take(), operator: p.take()}
	literal := p.take()
	if e.field == fieldModified {
		var ok bool
		e.ticks, ok = parseInstant(literal)
		switch {
		case !ok:
			return nil, errFilter
		case e.operator == "gt" || e.operator == "lt":
		case p.lenient && (e.operator == "ge" || e.operator == "le"):
		default:
			return nil, errFilter
		}
		return e, nil
	}
	var ok bool
	if e.value, ok = unquote(literal); !ok {
		return nil, errFilter
	}
	switch {
	case e.operator == "ne" && e.field == fieldMessageType:
	case e.operator != "eq":
		return nil, errFilter
	}
	switch e.field {
	case fieldUserType:
		ok = slices.Contains(filterUserTypes[:], e.value)
	case fieldApplicationType:
		ok = slices.Contains(filterApplicationTypes[:], e.value)
	case fieldMessageType:
		ok = e.value == systemEventMessage
	case fieldUserID:
		_, ok = parseGUID(e.value)
	default:
		ok = false
	}
	if !ok {
		return nil, errFilter
	}
	return e, nil
}

var filterUserTypes = [...]string{
	"aadUser", "onPremiseAadUser", "anonymousGuest", "federatedUser", "personalMicrosoftAccountUser", "skypeUser", "phoneUser",
}

var filterApplicationTypes = [...]string{"aadApplication", "bot", "tenantBot", "office365Connector", "outgoingWebhook"}

func (p *filterParser) take() string {
	token := p.token
	p.advance()
	return token
}

// advance reads the next token: a parenthesis, a quoted string with its quotes, or a run of other characters.
func (p *filterParser) advance() {
	p.rest = strings.TrimLeft(p.rest, " ")
	n := 0
	switch {
	case p.rest == "":
	case p.rest[0] == '(' || p.rest[0] == ')':
		n = 1
	case p.rest[0] == '\'':
		n = 1
		for n < len(p.rest) {
			n++
			if p.rest[n-1] != '\'' {
				continue
			}
			if n < len(p.rest) && p.rest[n] == '\'' {
				n++ // a doubled quote stands for one
				continue
			}
			break
		}
	default:
		if n = strings.IndexAny(p.rest, " ()'"); n < 0 {
			n = len(p.rest)
		}
	}
	p.token, p.rest = p.rest[:n], p.rest[n:]
}

func unquote(literal string) (string, bool) {
	if len(literal) < 2 || literal[0] != '\'' || literal[len(literal)-1] != '\'' {
		return "", false
	}
	return strings.ReplaceAll(literal[1:len(literal)-1], "''", "'"), true
}

// parseInstant reads an unquoted UTC time with up to 7 fractional digits, as ticks since the Unix epoch.
func parseInstant(literal string) (int64, bool) {
	if len(literal) < len("2006-01-02T15:04:05Z") || literal[len(literal)-1] != 'Z' || literal[10] != 'T' || strings.Contains(literal, ",") {
		return 0, false
	}
	if fraction := len(literal) - len("2006-01-02T15:04:05.Z"); fraction > 7 {
		return 0, false
	}
	t, err := time.Parse(time.RFC3339Nano, literal)
	if err != nil {
		return 0, false
	}
	return t.Unix()*(1000*ticksPerMilli) + int64(t.Nanosecond()/100), true
}
