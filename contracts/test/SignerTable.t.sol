// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SignerTable} from "../src/libraries/SignerTable.sol";
import {Test} from "./support/Test.sol";

contract SignerTableTest is Test {
    uint256 private constant SLOTS = 128;

    function store(address[] memory identities) external returns (address) {
        return SignerTable.store(identities);
    }

    /// @dev Whose bit is set in `occupied` has a slot; the others' are empty.
    function identitiesOf(uint256 seed, uint256 occupied)
        private
        pure
        returns (address[] memory list, uint256 n)
    {
        list = new address[](SLOTS);
        for (uint256 i = 0; i < SLOTS; ++i) {
            if ((occupied >> i) & 1 == 0) continue;
            list[i] = address(uint160(uint256(keccak256(abi.encode(seed, i)))));
            ++n;
        }
    }

    /// @dev A run sorts, stores and searches up to 128 entries.
    /// forge-config: full.fuzz.runs = 256
    function testFuzz_findsEveryoneInTheirSlotAndNobodyElse(uint256 seed, uint128 occupied) external {
        (address[] memory list, uint256 n) = identitiesOf(seed, occupied);
        address table = this.store(list);
        vm.assertEq(table.code.length, 1 + 21 * n);
        (uint256 start, uint256 end) = SignerTable.load(table, n);
        for (uint256 i = 0; i < SLOTS; ++i) {
            if (list[i] == address(0)) continue;
            (, uint256 slotBit) = SignerTable.find(start, end, list[i]);
            vm.assertEq(slotBit, 1 << i);
        }
        (, uint256 none) = SignerTable.find(start, end, address(uint160(seed)));
        vm.assertEq(none, 0);
    }

    function test_findsAscendingSignersInOneWalk() external {
        address[] memory list = new address[](4);
        (list[0], list[1], list[3]) = (address(30), address(10), address(20));
        (uint256 start, uint256 end) = SignerTable.load(this.store(list), 3);
        (uint256 cursor, uint256 slotBit) = SignerTable.find(start, end, address(10));
        vm.assertEq(slotBit, 1 << 1);
        (cursor, slotBit) = SignerTable.find(cursor, end, address(15));
        vm.assertEq(slotBit, 0);
        (cursor, slotBit) = SignerTable.find(cursor, end, address(30));
        vm.assertEq(slotBit, 1 << 0);
        vm.assertEq(cursor, end);
        (, slotBit) = SignerTable.find(cursor, end, address(20));
        vm.assertEq(slotBit, 0);
    }

    function test_aTableThatIsNotCreatedIsNoTable() external {
        address next = vm.computeCreateAddress(address(this), vm.getNonce(address(this)));
        vm.etch(next, hex"00");
        vm.expectRevert(abi.encodeWithSelector(SignerTable.TableNotStored.selector));
        this.store(new address[](1));
    }
}
