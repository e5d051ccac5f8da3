package source

import (
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestNewHTTPClient_SpeaksHTTP1WhereBothAreOffered(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	response, err := NewHTTPClient(roots, 1).Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.ProtoMajor != 1 {
		t.Errorf("it spoke %s", response.Proto)
	}
}
