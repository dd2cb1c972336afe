__turbopack_load_page_chunks__("/_app", [
  "static/chunks/3a88w_bd9v5f7.js",
  "static/chunks/2f9w-95oozwp6.js",
  "static/chunks/1xu1qpy9-azoi.css",
  "static/chunks/turbopack-2u1d16houkiyo.js"
])
