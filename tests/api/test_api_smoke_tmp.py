def test_x(world):
    for m, p, k in [
        ("GET", "/", ""),
        ("GET", "/docs", ""),
        ("GET", "/docs/openapi.json", ""),
        ("GET", "/api/headrace/projects", "ann.wide"),
        ("GET", "/api/headrace/projects", "ann.all"),
        ("GET", "/api/headrace/keys", "ann.all"),
        ("GET", "/api/headrace/keys", ""),
        ("HEAD", "/", ""),
        ("POST", "/", ""),
        ("GET", "/nope", ""),
        ("GET", "/api/headrace/nope", ""),
        ("GET", "/metrics", ""),
        ("GET", "/readyz", ""),
    ]:
        r = world.call(m, p, k)
        print(m, p, r.status_code, dict(r.headers), r.text[:1500])
        print()
