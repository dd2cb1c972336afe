__turbopack_load_page_chunks__("/", [
  "static/chunks/3qit265kih-_q.js",
  "static/chunks/turbopack-2u1d16houkiyo.js"
])
