(()=>{self.postMessage("an order")})();
//# sourceMappingURL=408.2d72669b.js.map