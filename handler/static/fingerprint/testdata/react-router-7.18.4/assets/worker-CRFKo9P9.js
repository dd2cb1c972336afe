(function(){"use strict";self.postMessage("an order")})();
