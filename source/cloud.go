package source

import (
	"net/url"
	"strings"
)

// Cloud is one of Microsoft's clouds. A token of one cloud is worth nothing in another.
// Source: the national cloud deployments page of the Graph documentation.
type Cloud struct {
	// Name is what GRAPH_CLOUD calls it.
	Name string
	// Graph is the root of Microsoft Graph, Login the login root; neither has a version or a path.
	Graph, Login string
	// Missing says what the cloud lacks for this connector, and what it has instead; empty for nothing.
	Missing string
}

// Scope is what to ask a token for.
func (c Cloud) Scope() string { return c.Graph + "/.default" }

// Clouds lists them all, the default one first.
func Clouds() []Cloud {
	return []Cloud{
		{Name: "global", Graph: "https://graph.microsoft.com", Login: "https://login.microsoftonline.com"},
		{Name: "usgov", Graph: "https://graph.microsoft.us", Login: "https://login.microsoftonline.us"},
		{Name: "dod", Graph: "https://dod-graph.microsoft.us", Login: "https://login.microsoftonline.us"},
		{Name: "china", Graph: "https://microsoftgraph.chinacloudapi.cn", Login: "https://login.chinacloudapi.cn",
			Missing: "getAllMessages is not available in the China cloud (21Vianet); of the export calls only getAllRetainedMessages " +
				"exists there, which needs a Teams retention policy and which this connector does not read"},
	}
}

// chinaLogin is the China cloud's second login root, which Azure's own tools write as well.
const chinaLogin = "https://login.partner.microsoftonline.cn"

// CloudNamed finds a cloud by its name.
func CloudNamed(name string) (Cloud, bool) {
	for _, c := range Clouds() {
		if strings.EqualFold(c.Name, name) {
			return c, true
		}
	}
	return Cloud{}, false
}

// CloudOfGraph finds the cloud that a Graph root belongs to. A root that is not one of Microsoft's own, such
// as a proxy's, belongs to none.
func CloudOfGraph(root string) (Cloud, bool) {
	for _, c := range Clouds() {
		if sameHost(c.Graph, root) {
			return c, true
		}
	}
	return Cloud{}, false
}

// SignsInAt reports whether a login root serves the cloud. A root that is not one of Microsoft's own may
// serve any.
func (c Cloud) SignsInAt(login string) bool {
	if sameHost(chinaLogin, login) {
		login = "https://login.chinacloudapi.cn"
	}
	return !knownLogin(login) || sameHost(c.Login, login)
}

// knownLogin reports whether a login root is one of Microsoft's own.
func knownLogin(login string) bool {
	for _, c := range Clouds() {
		if sameHost(c.Login, login) {
			return true
		}
	}
	return sameHost(chinaLogin, login)
}

func sameHost(a, b string) bool {
	u, errA := url.Parse(a)
	v, errB := url.Parse(b)
	return errA == nil && errB == nil && strings.EqualFold(u.Hostname(), v.Hostname())
}
