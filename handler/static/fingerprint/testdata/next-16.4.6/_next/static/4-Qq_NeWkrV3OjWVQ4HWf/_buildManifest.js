self.__BUILD_MANIFEST = {
  "/": [
    "static/chunks/0pal8vuf-hg0b.js"
  ],
  "/_error": [
    "static/chunks/2ubjc99ud1z26.js"
  ],
  "__rewrites": {
    "afterFiles": [],
    "beforeFiles": [],
    "fallback": []
  },
  "sortedPages": [
    "/",
    "/_app",
    "/_error"
  ]
};self.__TURBOPACK_PAGE_BOOTSTRAP = {"/":{"otherChunks":["static/chunks/3qit265kih-_q.js"],"runtimeModuleIds":[783,6242]},"/_app":{"otherChunks":["static/chunks/3a88w_bd9v5f7.js","static/chunks/2f9w-95oozwp6.js","static/chunks/1xu1qpy9-azoi.css"],"runtimeModuleIds":[783,4801]},"/_error":{"otherChunks":["static/chunks/306euk3hkl2h4.js"],"runtimeModuleIds":[783,184]}};self.__TURBOPACK_CHUNK_LOADING_GLOBAL = "TURBOPACK";self.__BUILD_MANIFEST_CB && self.__BUILD_MANIFEST_CB()