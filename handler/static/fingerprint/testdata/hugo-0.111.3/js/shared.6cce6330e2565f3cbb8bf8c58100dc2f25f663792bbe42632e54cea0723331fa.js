(() => {
  // <stdin>
  var show = (text) => {
    document.querySelector("#orders").textContent = text;
  };
})();
