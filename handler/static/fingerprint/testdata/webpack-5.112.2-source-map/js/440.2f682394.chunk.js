(()=>{"use strict";self.postMessage("an order")})();
//# sourceMappingURL=440.2f682394.chunk.js.map